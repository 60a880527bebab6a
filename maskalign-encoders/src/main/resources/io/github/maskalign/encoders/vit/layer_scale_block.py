from torch import Tensor
from attention import attention
from linear import linear


# x + g1 * Attention(LN(x)), then x + g2 * MLP(LN(x)); affine norms, exact GELU.
def layer_scale_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    gamma1: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor,
    fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor,
    gamma2: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    D = x.size(2)
    h = torch.layer_norm(x, [D], norm1_weight, norm1_bias, 1e-6)  # (N, 1 + T, D)
    h = attention(h, qkv_weight, qkv_bias, proj_weight, proj_bias, heads, bf16)
    x = x + gamma1 * torch.to(h, 6)
    h = torch.layer_norm(x, [D], norm2_weight, norm2_bias, 1e-6)
    h = linear(torch.gelu(linear(h, fc1_weight, fc1_bias, bf16)), fc2_weight, fc2_bias, bf16)
    return x + gamma2 * torch.to(h, 6)
