"""A small set in REPA's layout, written by NumPy, Pillow and json as REPA's preprocessing does (docs: RepaFolders).

Indices 0, 2, 3, 999 and 1003: 1 is missing as a picture that could not be read, and the last is in the second folder.
"""

import io
import json
import shutil

import numpy as np
from golden_file import ROOT
from PIL import Image

FOLDER = ROOT / "maskalign-core/src/test/resources/golden/repa_layout"
INDICES, LABELS = (0, 2, 3, 999, 1003), (1, 0, 2, 2, 1)
SIDE, LATENT = 8, (8, 2, 2)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    random = np.random.default_rng(20241009)
    labels = {"images": [], "vae-sd": []}
    for index, label in zip(INDICES, LABELS):
        digits = f"{index:08d}"
        names = {"images": f"{digits[:5]}/img{digits}.png", "vae-sd": f"{digits[:5]}/img-mean-std-{digits}.npy"}
        for folder, name in names.items():
            (FOLDER / folder / name).parent.mkdir(parents=True, exist_ok=True)
            labels[folder].append([name, label])
        picture = Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8), "RGB")
        content = io.BytesIO()
        picture.save(content, format="png", compress_level=0, optimize=False)
        (FOLDER / "images" / names["images"]).write_bytes(content.getvalue())
        np.save(FOLDER / "vae-sd" / names["vae-sd"], random.standard_normal(LATENT).astype(np.float32))
    for folder, pairs in labels.items():
        (FOLDER / folder / "dataset.json").write_text(json.dumps({"labels": pairs}))


if __name__ == "__main__":
    main()
