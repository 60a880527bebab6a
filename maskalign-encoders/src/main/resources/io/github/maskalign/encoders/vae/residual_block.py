from torch import Tensor
from convolution import same_convolution


# Conv(SiLU(GroupNorm(Conv(SiLU(GroupNorm(x)))))): (N, C, H, W) to (N, C', H, W).
def branch(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, conv1_weight: Tensor, conv1_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor, conv2_weight: Tensor, conv2_bias: Tensor,
    groups: int, bf16: bool
) -> Tensor:
    h = torch.silu(torch.group_norm(x, groups, norm1_weight, norm1_bias, 1e-6))
    h = same_convolution(h, conv1_weight, conv1_bias, bf16)
    h = torch.silu(torch.group_norm(h, groups, norm2_weight, norm2_bias, 1e-6))
    return same_convolution(h, conv2_weight, conv2_bias, bf16)


# x + branch(x), where the number of channels stays.
def residual_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, conv1_weight: Tensor, conv1_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor, conv2_weight: Tensor, conv2_bias: Tensor,
    groups: int, bf16: bool
) -> Tensor:
    h = branch(x, norm1_weight, norm1_bias, conv1_weight, conv1_bias,
               norm2_weight, norm2_bias, conv2_weight, conv2_bias, groups, bf16)
    return x + h


# W x + branch(x), where it changes; W is a 1 x 1 convolution.
def widening_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, conv1_weight: Tensor, conv1_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor, conv2_weight: Tensor, conv2_bias: Tensor,
    shortcut_weight: Tensor, shortcut_bias: Tensor,
    groups: int, bf16: bool
) -> Tensor:
    h = branch(x, norm1_weight, norm1_bias, conv1_weight, conv1_bias,
               norm2_weight, norm2_bias, conv2_weight, conv2_bias, groups, bf16)
    return same_convolution(x, shortcut_weight, shortcut_bias, bf16) + h
