"""Writes golden/inception-resize: pictures as TensorFlow's own resize brings them to 299 x 299.

Run by hand in an environment with tensorflow-cpu, torch and numpy: TensorFlow is too large for requirements.txt.
    python3 scripts/golden/resize_cases.py
"""

import numpy as np
import tensorflow as tf
import torch

from golden_file import Topic

SEED = 20261206
SIDES = {"up": (32, 32), "odd": (57, 83), "up-256": (256, 256), "down": (310, 420), "one": (1, 3)}
STEP = 13  # 299 = 23 * 13: every 13th row and column is kept


def main():
    topic = Topic(
        "maskalign-encoders",
        "inception-resize",
        "resize_cases.py",
        SEED,
        {"resized": 1e-6},
        [
            "images: uint8 (1, 3, H, W).",
            "resized: ResizeBilinear of TensorFlow without half-pixel centres, then (x - 128) / 128; every 13th row and column.",
            f"tensorflow {tf.__version__}",
        ],
    )
    topic.manifest["regenerate"] = "scripts/golden/resize_cases.py, by hand"
    for name, (height, width) in SIDES.items():
        images = topic.draws(name).integers("images", (1, 3, height, width), 256).to(torch.uint8)
        if height > 100:  # a pattern in place of noise, so that the fixture stays small
            y, x = np.mgrid[:height, :width]
            planes = [(x * 5 + y * 3) % 256, (x * y) % 251, (x // 3 * 40 + y // 5 * 17) % 256]
            images = torch.from_numpy(np.stack(planes)[None].astype(np.uint8))
        channels_last = images.permute(0, 2, 3, 1).numpy().astype(np.float32)
        resized = tf.raw_ops.ResizeBilinear(
            images=channels_last, size=[299, 299], align_corners=False, half_pixel_centers=False
        )
        resized = (resized.numpy() - np.float32(128)) * np.float32(0.0078125)
        kept = torch.from_numpy(resized).permute(0, 3, 1, 2)[:, :, 6::STEP, 6::STEP].contiguous()
        topic.write(name, {"images": images, "resized": kept}, {"height": height, "width": width})
    topic.close()


if __name__ == "__main__":
    main()
