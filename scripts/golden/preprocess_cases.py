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


SIDES = [(256, 224), (512, 448), (255, 223), (257, 225), (97, 85), (33, 29), (31, 71), (7, 3)]
ROW_STEP, COLUMN_STEP = 13, 7  # a part of each result is enough


def waves(side):
    """A picture that Java can make too: waves that get finer to the right and to the bottom, (1, 3, H, H)."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    planes = [(x * x * 3 + y * y * 5 + x * y * (c + 1) * 7 + 3700 * c) >> 6 for c in range(3)]
    return (torch.stack(planes) & 255).to(torch.uint8)[None]


def bicubic():
    """The sides that are published, and odd ones, up and down."""
    topic = Topic("maskalign-encoders", "bicubic", "preprocess_cases.py", SEED, {"outputs": 1e-6}, [
        "outputs/x: rows 0, 13, 26 ... and columns 0, 7, 14 ... of interpolate(picture / 255, to, mode=bicubic).",
    ])
    for side, to in SIDES:
        x = resize(waves(side).float() / 255, to)[..., ::ROW_STEP, ::COLUMN_STEP]
        topic.write(f"from-{side}-to-{to}", {"outputs/x": x.contiguous()}, {"from": side, "to": to})
    topic.close()


def main():
    torch.set_num_threads(1)
    bicubic()
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
