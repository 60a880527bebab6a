from torch import Tensor
from ada_ln_zero_block import gelu_mlp
from attention import attention


def pre_norm_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor,
    fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    D = x.size(2)
    h = torch.layer_norm(x, [D], norm1_weight, norm1_bias, 1e-6)  # (N, T, D)
    x = x + torch.to(attention(h, qkv_weight, qkv_bias, proj_weight, proj_bias, heads, bf16), 6)
    h = torch.layer_norm(x, [D], norm2_weight, norm2_bias, 1e-6)
    return x + torch.to(gelu_mlp(h, fc1_weight, fc1_bias, fc2_weight, fc2_bias, bf16), 6)
