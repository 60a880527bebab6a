"""Reads a set in REPA's layout as its trainer does, with NumPy and Pillow alone: check_repa_layout.py DIR [IMAGES LATENTS]

As REPA's dataset.py: files of both folders are listed and sorted, pictures and latents paired by rank, labels looked
up under the latents' names. Here every pair is then compared by the digits in the names, which REPA does not do.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

def listed(folder):
    Image.init()
    supported = {*Image.EXTENSION, ".npy"}
    names = [os.path.relpath(os.path.join(root, name), folder) for root, _, files in os.walk(folder) for name in files]
    return sorted(name for name in names if os.path.splitext(name)[1].lower() in supported)


def digits(name):
    return "".join(c for c in os.path.basename(name) if c.isdigit())


def main(root, images="images", latents="vae-sd"):
    image_folder, latent_folder = Path(root, images), Path(root, latents)
    pictures, features = listed(image_folder), listed(latent_folder)
    assert len(pictures) == len(features), (len(pictures), len(features))
    labels = dict(json.loads((latent_folder / "dataset.json").read_text())["labels"])
    ours = dict(json.loads((image_folder / "dataset.json").read_text())["labels"])
    values = np.array([labels[name.replace("\\", "/")] for name in features], dtype=np.int64)
    assert [ours[name.replace("\\", "/")] for name in pictures] == values.tolist()
    shapes = set()
    for picture, feature in zip(pictures, features):
        assert digits(picture) == digits(feature) and picture[:5] == feature[:5] == digits(feature)[:5], (picture, feature)
        with Image.open(image_folder / picture) as opened:
            assert opened.mode == "RGB" and opened.size[0] == opened.size[1], (picture, opened.mode, opened.size)
            pixels = np.asarray(opened)
        moments = np.load(latent_folder / feature, allow_pickle=False)
        assert moments.dtype == np.float32 and moments.flags.c_contiguous and np.isfinite(moments).all(), feature
        mean, std = np.split(moments, 2)
        assert (std > 0).all() and mean.shape == std.shape, feature
        shapes.add((pixels.shape, moments.shape))
    assert len(shapes) == 1, shapes
    print(f"{len(pictures)} pairs of {shapes.pop()} in {values.max() + 1} classes")


if __name__ == "__main__":
    main(*sys.argv[1:])
