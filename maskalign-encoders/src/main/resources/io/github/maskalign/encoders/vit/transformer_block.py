from torch import Tensor
from attention import attention
from linear import linear


# W2 act(W1 x + b1) + b2; activations: 0 exact GELU, 1 x sigmoid(1.702 x), 2 SwiGLU (halves a, b of W1 x: SiLU(a) b).
def mlp(
    x: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor, activation: int, bf16: bool
) -> Tensor:
    h = linear(x, weight1, bias1, bf16)
    if activation == 0:
        h = torch.gelu(h)
    elif activation == 1:
        h = h * torch.sigmoid(1.702 * h)
    else:
        D = h.size(2) // 2
        h = torch.silu(torch.narrow(h, 2, 0, D)) * torch.narrow(h, 2, D, D)
    return linear(h, weight2, bias2, bf16)


# x + g1 * Attention(LN(x)), then x + g2 * MLP(LN(x)).
def layer_scale_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    gamma1: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor,
    weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor,
    gamma2: Tensor,
    heads: int, activation: int, eps: float, bf16: bool
) -> Tensor:
    D = x.size(2)
    h = torch.layer_norm(x, [D], norm1_weight, norm1_bias, eps)  # (N, T, D)
    h = attention(h, qkv_weight, qkv_bias, proj_weight, proj_bias, heads, bf16)
    x = x + gamma1 * torch.to(h, 6)
    h = torch.layer_norm(x, [D], norm2_weight, norm2_bias, eps)
    h = mlp(h, weight1, bias1, weight2, bias2, activation, bf16)
    return x + gamma2 * torch.to(h, 6)


# The same without factors.
def plain_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor,
    weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor,
    heads: int, activation: int, eps: float, bf16: bool
) -> Tensor:
    D = x.size(2)
    h = torch.layer_norm(x, [D], norm1_weight, norm1_bias, eps)  # (N, T, D)
    h = attention(h, qkv_weight, qkv_bias, proj_weight, proj_bias, heads, bf16)
    x = x + torch.to(h, 6)
    h = torch.layer_norm(x, [D], norm2_weight, norm2_bias, eps)
    h = mlp(h, weight1, bias1, weight2, bias2, activation, bf16)
    return x + torch.to(h, 6)
