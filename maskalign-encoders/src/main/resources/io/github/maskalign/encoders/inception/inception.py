from torch import Tensor
from typing import List

# Inception v3 as the 2015 graph has it. First what its input is made of, then its units. Each takes
# (N, C, H, W) and w: weight and bias of its convolutions
# in the order of InceptionLayout, batch norms folded in. Differences to torchvision's network: average pools do not count
# the padding, and the last unit pools by maximum.


# Linear interpolation along one dimension from the two neighbours of dst * in / out: TensorFlow 1 without half-pixel
# centres. The factor is rounded to float32 as there.
def interpolate(x: Tensor, side: int, dim: int) -> Tensor:
    size = x.size(dim)
    at = torch.arange(0, side, dtype=6, device=x.device) * (size / side)
    below = torch.floor(at)
    part = at - below
    low = torch.to(below, 4)
    high = torch.clamp_max(low + 1, size - 1)
    a = torch.index_select(x, dim, low)
    b = torch.index_select(x, dim, high)
    if dim == 2:
        part = torch.unsqueeze(part, 1)
    return a + (b - a) * part


# Bytes (N, 3, H, W) to the input of the graph as ADM's evaluator has it: columns, then rows, then (x - 128) / 128.
def adm_input(images: Tensor, side: int) -> Tensor:
    x = interpolate(torch.to(images, 6), side, 3)  # (N, 3, H, side)
    x = interpolate(x, side, 2)  # (N, 3, side, side)
    return torch.contiguous((x - 128.0) * 0.0078125, memory_format=2)


# As pytorch-fid has it: [0, 1], bilinear with half-pixel centres and without antialias, 2 x - 1.
def pytorch_fid_input(images: Tensor, side: int) -> Tensor:
    x = torch.to(images, 6) / 255.0
    x = torch.upsample_bilinear2d(x, [side, side], False, None, None)  # (N, 3, side, side)
    return torch.contiguous(2.0 * x - 1.0, memory_format=2)


# ReLU of the i-th convolution of the unit.
def conv(x: Tensor, w: List[Tensor], i: int, stride: int, pad_h: int, pad_w: int) -> Tensor:
    y = torch.conv2d(x, w[2 * i], w[2 * i + 1], [stride, stride], [pad_h, pad_w], [1, 1], 1)
    return torch.relu_(y)


def average(x: Tensor) -> Tensor:
    return torch.avg_pool2d(x, [3, 3], [1, 1], [1, 1], False, False, None)


def largest(x: Tensor) -> Tensor:
    return torch.max_pool2d(x, [3, 3], [2, 2], [0, 0], [1, 1], False)


# (N, 3, 299, 299) to (N, 192, 35, 35).
def stem(x: Tensor, w: List[Tensor]) -> Tensor:
    x = conv(x, w, 0, 2, 0, 0)  # (N, 32, 149, 149)
    x = conv(x, w, 1, 1, 0, 0)  # (N, 32, 147, 147)
    x = conv(x, w, 2, 1, 1, 1)  # (N, 64, 147, 147)
    x = largest(x)  # (N, 64, 73, 73)
    x = conv(x, w, 3, 1, 0, 0)  # (N, 80, 73, 73)
    x = conv(x, w, 4, 1, 0, 0)  # (N, 192, 71, 71)
    return largest(x)  # (N, 192, 35, 35)


# 1x1 | 1x1, 5x5 | 1x1, 3x3, 3x3 | average, 1x1.
def mixed_5(x: Tensor, w: List[Tensor]) -> Tensor:
    a = conv(x, w, 0, 1, 0, 0)
    b = conv(conv(x, w, 1, 1, 0, 0), w, 2, 1, 2, 2)
    c = conv(conv(conv(x, w, 3, 1, 0, 0), w, 4, 1, 1, 1), w, 5, 1, 1, 1)
    return torch.cat([a, b, c, conv(average(x), w, 6, 1, 0, 0)], 1)


# 3x3 by 2 | 1x1, 3x3, 3x3 by 2 | maximum by 2.
def mixed_6a(x: Tensor, w: List[Tensor]) -> Tensor:
    a = conv(x, w, 0, 2, 0, 0)
    b = conv(conv(conv(x, w, 1, 1, 0, 0), w, 2, 1, 1, 1), w, 3, 2, 0, 0)
    return torch.cat([a, b, largest(x)], 1)  # (N, 768, 17, 17)


# 1x1 | 1x1, 1x7, 7x1 | 1x1, 7x1, 1x7, 7x1, 1x7 | average, 1x1.
def mixed_6(x: Tensor, w: List[Tensor]) -> Tensor:
    a = conv(x, w, 0, 1, 0, 0)
    b = conv(conv(conv(x, w, 1, 1, 0, 0), w, 2, 1, 0, 3), w, 3, 1, 3, 0)
    c = conv(conv(conv(x, w, 4, 1, 0, 0), w, 5, 1, 3, 0), w, 6, 1, 0, 3)
    c = conv(conv(c, w, 7, 1, 3, 0), w, 8, 1, 0, 3)
    return torch.cat([a, b, c, conv(average(x), w, 9, 1, 0, 0)], 1)


# 1x1, 3x3 by 2 | 1x1, 1x7, 7x1, 3x3 by 2 | maximum by 2.
def mixed_7a(x: Tensor, w: List[Tensor]) -> Tensor:
    a = conv(conv(x, w, 0, 1, 0, 0), w, 1, 2, 0, 0)
    b = conv(conv(conv(x, w, 2, 1, 0, 0), w, 3, 1, 0, 3), w, 4, 1, 3, 0)
    return torch.cat([a, conv(b, w, 5, 2, 0, 0), largest(x)], 1)  # (N, 1280, 8, 8)


# 1x1 | 1x1, then 1x3 next to 3x1 | 1x1, 3x3, then 1x3 next to 3x1 | pool, 1x1.
def mixed_7(x: Tensor, pool_by_maximum: bool, w: List[Tensor]) -> Tensor:
    a = conv(x, w, 0, 1, 0, 0)
    b = conv(x, w, 1, 1, 0, 0)
    c = conv(conv(x, w, 4, 1, 0, 0), w, 5, 1, 1, 1)
    if pool_by_maximum:
        d = torch.max_pool2d(x, [3, 3], [1, 1], [1, 1], [1, 1], False)
    else:
        d = average(x)
    return torch.cat([
        a,
        conv(b, w, 2, 1, 0, 1),
        conv(b, w, 3, 1, 1, 0),
        conv(c, w, 6, 1, 0, 1),
        conv(c, w, 7, 1, 1, 0),
        conv(d, w, 8, 1, 0, 0)], 1)  # (N, 2048, 8, 8)


# Features of the whole picture: the mean over places.
def pooled(x: Tensor) -> Tensor:
    return torch.mean(x, [2, 3])  # (N, 2048)


# The first channels of the 1x1 branch of a unit, which come first in its output, as (H, W, C) in a row.
def spatial(x: Tensor, channels: int) -> Tensor:
    kept = torch.narrow(x, 1, 0, channels)
    return torch.permute(kept, [0, 2, 3, 1]).reshape([x.size(0), -1])  # (N, 17 * 17 * 7)


# Logits without the bias.
def logits(x: Tensor, weight: Tensor) -> Tensor:
    return torch.matmul(x, torch.t(weight))  # (N, 1008)
