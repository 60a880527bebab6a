# Stable Diffusion's autoencoder: what comes in, the layers of encoder and decoder, and the latent's moments.
# Weights are named after diffusers' keys, dots as underscores. 6 and 15 are float32 and bfloat16: an archive knows
# data types by number.
from torch import Tensor
from typing import Optional, Tuple
from block import linear


# Pictures as bytes (N, 3, H, W) to [-1, 1].
def scaled(images: Tensor) -> Tensor:
    return torch.to(images, 6) / 127.5 - 1.0


# A convolution in float32, or with operands rounded to bfloat16 and the result back in float32.
def convolution(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, bf16: bool) -> Tensor:
    if bf16:
        y = torch.conv2d(
            torch.to(x, 15), torch.to(weight, 15), torch.to(bias, 15), [stride, stride], [padding, padding])
        return torch.to(y, 6)
    return torch.conv2d(x, weight, bias, [stride, stride], [padding, padding])


# k x k, as many pixels out as in.
def same_convolution(x: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    return convolution(x, weight, bias, 1, weight.size(3) // 2, bf16)


# Half the side: one more row and column of zeros below and to the right, then every second pixel.
def downsample(x: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    return convolution(torch.constant_pad_nd(x, [0, 1, 0, 1], 0.0), weight, bias, 2, 0, bf16)


# Twice the side: every pixel becomes four equal ones, then a convolution.
def upsample(x: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    y = torch.upsample_nearest2d(x, [2 * x.size(2), 2 * x.size(3)])
    return convolution(y, weight, bias, 1, 1, bf16)


# x + Conv(SiLU(GroupNorm(Conv(SiLU(GroupNorm(x)))))): (N, C, H, W) to (N, C', H, W). Where the number of channels
# changes, a 1 x 1 convolution of x is added instead.
def residual_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, conv1_weight: Tensor, conv1_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor, conv2_weight: Tensor, conv2_bias: Tensor,
    conv_shortcut_weight: Optional[Tensor], conv_shortcut_bias: Optional[Tensor],
    groups: int, bf16: bool
) -> Tensor:
    h = torch.silu(torch.group_norm(x, groups, norm1_weight, norm1_bias, 1e-6))
    h = same_convolution(h, conv1_weight, conv1_bias, bf16)
    h = torch.silu(torch.group_norm(h, groups, norm2_weight, norm2_bias, 1e-6))
    h = same_convolution(h, conv2_weight, conv2_bias, bf16)
    if conv_shortcut_weight is None or conv_shortcut_bias is None:
        return x + h
    return same_convolution(x, conv_shortcut_weight, conv_shortcut_bias, bf16) + h


# Attention of one head between all pixels of a picture, and the picture added: (N, C, H, W).
def pixel_attention(
    x: Tensor,
    group_norm_weight: Tensor, group_norm_bias: Tensor,
    to_q_weight: Tensor, to_q_bias: Tensor, to_k_weight: Tensor, to_k_bias: Tensor, to_v_weight: Tensor, to_v_bias: Tensor,
    to_out_0_weight: Tensor, to_out_0_bias: Tensor,
    groups: int, bf16: bool
) -> Tensor:
    N, C, H, W = x.size(0), x.size(1), x.size(2), x.size(3)
    h = torch.group_norm(x, groups, group_norm_weight, group_norm_bias, 1e-6)
    h = torch.transpose(torch.flatten(h, 2), 1, 2)  # (N, HW, C)
    q = torch.unsqueeze(linear(h, to_q_weight, to_q_bias, bf16), 1)  # (N, 1, HW, C)
    k = torch.unsqueeze(linear(h, to_k_weight, to_k_bias, bf16), 1)
    v = torch.unsqueeze(linear(h, to_v_weight, to_v_bias, bf16), 1)
    y = torch.squeeze(torch.scaled_dot_product_attention(q, k, v), 1)  # (N, HW, C)
    y = torch.to(linear(y, to_out_0_weight, to_out_0_bias, bf16), 6)
    return x + torch.transpose(y, 1, 2).reshape([N, C, H, W])


# The last layer of encoder and decoder: norm, SiLU, convolution.
def closing(
    x: Tensor,
    conv_norm_out_weight: Tensor, conv_norm_out_bias: Tensor, conv_out_weight: Tensor, conv_out_bias: Tensor,
    groups: int, bf16: bool
) -> Tensor:
    h = torch.silu(torch.group_norm(x, groups, conv_norm_out_weight, conv_norm_out_bias, 1e-6))
    return same_convolution(h, conv_out_weight, conv_out_bias, bf16)


# Mean and standard deviation of the latent from the encoder's output (N, 2C, h, w).
def moments(parameters: Tensor) -> Tuple[Tensor, Tensor]:
    C = parameters.size(1) // 2
    log_variance = torch.clamp(torch.narrow(parameters, 1, C, C), -30.0, 20.0)
    return torch.narrow(parameters, 1, 0, C).contiguous(), torch.exp(0.5 * log_variance)
