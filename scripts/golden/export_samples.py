"""Writes golden/exported: a small DINOv2 with registers that scripts/export_encoder.py exported, and its tokens."""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

import torch

from golden_file import ROOT, Topic, single
from preprocess_cases import IMAGENET, normalise, resize

sys.path.insert(0, str(ROOT / "scripts"))
import export_encoder

SEED = 20261124
SIDE = 56  # of what the encoder sees: 64 pixels by the rule 7 for 8
ARGUMENTS = f"--model dinov2_vits14_reg --source hf --random 1 --width 32 --depth 2 --heads 4 --side {SIDE}".split()


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "exported", "export_samples.py", SEED, {"outputs": 1e-5}, [
        "dinov2-reg.pt: scripts/export_encoder.py " + " ".join(ARGUMENTS),
        "inputs/image (N, 3, 64, 64), uint8; the encoder sees 56 pixels, prepared as DINOv2 wants them.",
        "outputs/cls (N, Z), outputs/tokens (N, T, Z): of transformers' class with the same weights, in float64.",
    ])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dinov2-reg.pt"
        with contextlib.redirect_stdout(io.StringIO()):
            export_encoder.main([*ARGUMENTS, "--out", str(path)])
        topic.write_bytes(path.name, path.read_bytes())
        digest = export_encoder.sha256(path)
    encoder = export_encoder.prepare(export_encoder.parse([*ARGUMENTS, "--out", "unused"])).double()
    image = topic.draws("dinov2-reg").integers("image", (2, 3, 64, 64), 256).to(torch.uint8)
    with torch.no_grad():
        cls, tokens = encoder(resize(normalise(image.float() / 255, *IMAGENET), SIDE).double())
    tensors = {"inputs/image": image, "outputs/cls": single(cls), "outputs/tokens": single(tokens)}
    topic.write("dinov2-reg", tensors, {"sha256": digest, "width": cls.shape[1]})
    topic.close()


if __name__ == "__main__":
    main()
