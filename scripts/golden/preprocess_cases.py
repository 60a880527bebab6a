"""Writes golden/preprocess: pictures as encoders want them, by the operations of REPA's preprocess_raw_image.

Sides are an eighth of the published ones (224 pixels for each 256, that is 28 for each 32).
"""

import torch
import torch.nn.functional as F

from golden_file import Topic

SEED = 20260611
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


def normalise(x, mean, std):
    mean, std = (torch.tensor(v, dtype=torch.float32).view(1, 3, 1, 1) for v in (mean, std))
    return (x - mean) / std


def resize(x, side):
    return F.interpolate(x, side, mode="bicubic")


CASES = {
    # name: (side of the picture, divisor, function of the divided picture)
    "dinov2": (32, 255.0, lambda x: resize(normalise(x, *IMAGENET), 28)),
    "clip": (32, 255.0, lambda x: normalise(resize(x, 28), *CLIP)),
    "imagenet": (32, 255.0, lambda x: normalise(x, *IMAGENET)),
    "emoji-vit": (12, 127.5, lambda x: x - 1),
    "emoji-vit-double": (12, 127.5, lambda x: resize(x - 1, 24)),
}


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "preprocess", "preprocess_cases.py", SEED, {"outputs": 1e-6}, [
        "inputs/image (N, 3, H, H), uint8; outputs/x (N, 3, h, h), float32, computed in float32.",
        "bicubic: a = -0.75, corners not aligned, no antialias (torch.nn.functional.interpolate).",
    ])
    for name, (side, divisor, rest) in CASES.items():
        image = topic.draws(name).integers("image", (2, 3, side, side), 256).to(torch.uint8)
        topic.write(name, {"inputs/image": image, "outputs/x": rest(image.float() / divisor).contiguous()}, {})
    topic.close()


if __name__ == "__main__":
    main()
