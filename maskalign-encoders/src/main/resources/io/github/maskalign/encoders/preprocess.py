from torch import Tensor
from typing import List


# Bicubic with a = -0.75, corners not aligned, no antialias; nothing where the side is right already.
def resize(x: Tensor, side: int) -> Tensor:
    if side == x.size(2):
        return x
    return torch.upsample_bicubic2d(x, [side, side], False)  # (N, 3, side, side)


# A number for each channel (1, C, 1, 1), float32, made on the device of x: an array from the host would be copied there each time.
def by_channel(numbers: List[float], x: Tensor) -> Tensor:
    out: List[Tensor] = []
    for number in numbers:
        out.append(torch.full([1, 1, 1, 1], number, dtype=6, device=x.device))
    return torch.cat(out, 1)


# Bytes (N, 3, H, H) to what an encoder takes, float32: divided, standardised by channel and resized.
def preprocess(
    images: Tensor, divisor: float,
    mean_red: float, mean_green: float, mean_blue: float,
    std_red: float, std_green: float, std_blue: float,
    side: int, resize_first: bool
) -> Tensor:
    x = torch.to(images, 6) / divisor
    mean = by_channel([mean_red, mean_green, mean_blue], x)
    std = by_channel([std_red, std_green, std_blue], x)
    if resize_first:
        return (resize(x, side) - mean) / std
    return resize((x - mean) / std, side)


# The mean of each k x k pixels, rounded to bytes: (N, 3, H, H) to (N, 3, H / k, H / k), uint8.
def averaged(images: Tensor, k: int) -> Tensor:
    x = torch.avg_pool2d(torch.to(images, 6), [k, k])  # (N, 3, H / k, H / k)
    return torch.to(torch.round(x), 0)
