"""Writes golden/torchscript: encoders as Python saves them, traced and scripted, with what they return.

Both are the small encoder of vit_cases.py; the scripted one returns a single tensor with the class token first.
"""

import io
import zipfile

import torch

from golden_file import Topic, single
from vit_cases import random_state
from vit_reference import Vit

SEED = 20260613
SHAPE = dict(image_size=32, patch_size=4, width=12, depth=1, heads=2)


class Joined(torch.nn.Module):
    def __init__(self, traced):
        super().__init__()
        self.traced = traced

    def forward(self, image):
        cls, patches = self.traced(image)
        return torch.cat([cls.unsqueeze(1), patches], dim=1)


def without_debug_records(module):
    """The saved archive with fixed bytes: no source positions, no time stamps, stored entries in name order."""
    saved, out = io.BytesIO(), io.BytesIO()
    torch.jit.save(module, saved)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            if not name.endswith(".debug_pkl") and not name.endswith("serialization_id"):
                new.writestr(zipfile.ZipInfo("encoder/" + name.split("/", 1)[1]), old.read(name))
    return out.getvalue()


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "torchscript", "torchscript_samples.py", SEED, {"outputs": 1e-5}, [
        "inputs/image (N, 3, H, H), uint8; the encoders take image / 127.5 - 1.",
        "outputs/cls (N, Z), outputs/patches (N, T, Z), computed in float64.",
    ])
    draws = topic.draws("vit")
    model = Vit(**SHAPE).eval()
    model.load_state_dict(random_state(model, draws))
    image = draws.integers("image", (2, 3, 32, 32), 256).to(torch.uint8)
    with torch.no_grad():
        traced = torch.jit.trace(model, torch.zeros(1, 3, 32, 32))
        topic.write_bytes("traced.pt", without_debug_records(traced))
        topic.write_bytes("joined.pt", without_debug_records(torch.jit.script(Joined(traced))))
        cls, patches = model.double()(image.double() / 127.5 - 1)
    tensors = {"inputs/image": image, "outputs/cls": single(cls), "outputs/patches": single(patches)}
    topic.write("vit", tensors, {})
    topic.close()


if __name__ == "__main__":
    main()
