from typing import Tuple
from torch import Tensor


# GroupNorm in groups of 8 channels' share, then ReLU.
def active(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.relu(torch.group_norm(x, 8, weight, bias, 1e-5))


# Halves the grid, then adds two convolutions of what is there.
def stage(
    x: Tensor, down_weight: Tensor, down_bias: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, conv1_weight: Tensor, conv1_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor, conv2_weight: Tensor, conv2_bias: Tensor,
) -> Tensor:
    x = torch.conv2d(torch.relu(x), down_weight, down_bias, [2, 2], [1, 1])
    h = torch.conv2d(active(x, norm1_weight, norm1_bias), conv1_weight, conv1_bias, [1, 1], [1, 1])
    return x + torch.conv2d(active(h, norm2_weight, norm2_bias), conv2_weight, conv2_bias, [1, 1], [1, 1])


# The mean over the grid (N, Z) and its cells (N, T, Z) after the last norm.
def pooled(x: Tensor, weight: Tensor, bias: Tensor) -> Tuple[Tensor, Tensor]:
    cells = torch.transpose(torch.flatten(active(x, weight, bias), 2), 1, 2)
    return torch.mean(cells, [1]), cells


# First convolution: pictures (N, 3, H, W) to half the side.
def stem(image: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.conv2d(image, weight, bias, [2, 2], [1, 1])
