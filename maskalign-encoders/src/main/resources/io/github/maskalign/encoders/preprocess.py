from torch import Tensor


# Bytes (N, 3, H, W) to standardised float32: (x * scale - mean) / std by channel, then a bicubic resize
# (a = -0.75, corners not aligned, no antialias) where the side is another.
def preprocess(images: Tensor, scale: float, mean: Tensor, std: Tensor, side: int) -> Tensor:
    x = (torch.to(images, 6) * scale - mean) / std
    if side == x.size(2):
        return x
    return torch.upsample_bicubic2d(x, [side, side], False)  # (N, 3, side, side)
