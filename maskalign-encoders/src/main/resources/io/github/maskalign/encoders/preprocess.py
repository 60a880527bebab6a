from torch import Tensor


# Bicubic with a = -0.75, corners not aligned, no antialias; nothing where the side is right already.
def resize(x: Tensor, side: int) -> Tensor:
    if side == x.size(2):
        return x
    return torch.upsample_bicubic2d(x, [side, side], False)  # (N, 3, side, side)


# Bytes (N, 3, H, H) to what an encoder takes, float32: divided, standardised by channel and resized.
def preprocess(
    images: Tensor, divisor: float, mean: Tensor, std: Tensor, side: int, resize_first: bool
) -> Tensor:
    x = torch.to(images, 6) / divisor
    if resize_first:
        return (resize(x, side) - mean) / std
    return resize((x - mean) / std, side)


# The mean of each k x k pixels, rounded to bytes: (N, 3, H, H) to (N, 3, H / k, H / k), uint8.
def averaged(images: Tensor, k: int) -> Tensor:
    x = torch.avg_pool2d(torch.to(images, 6), [k, k])  # (N, 3, H / k, H / k)
    return torch.to(torch.round(x), 0)
