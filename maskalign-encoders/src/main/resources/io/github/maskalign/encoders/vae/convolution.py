from torch import Tensor


# A convolution in float32, or with operands rounded to bfloat16 and the result back in float32.
# 6 and 15 are float32 and bfloat16: an archive knows dtypes by number.
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


# The last layer of encoder and decoder: norm, SiLU, convolution.
def closing(
    x: Tensor, norm_weight: Tensor, norm_bias: Tensor, weight: Tensor, bias: Tensor, groups: int, bf16: bool
) -> Tensor:
    h = torch.silu(torch.group_norm(x, groups, norm_weight, norm_bias, 1e-6))
    return same_convolution(h, weight, bias, bf16)
