from torch import Tensor
from linear import linear


# Multi-head self-attention with one fused qkv projection: softmax(q k^T / sqrt(d)) v.
def attention(
    x: Tensor, qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor, heads: int, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    qkv = linear(x, qkv_weight, qkv_bias, bf16).view([N, T, 3, heads, D // heads])
    q, k, v = torch.unbind(torch.permute(qkv, [2, 0, 3, 1, 4]), 0)  # 3 x (N, h, T, d)
    y = torch.scaled_dot_product_attention(q, k, v)  # (N, h, T, d)
    return linear(torch.transpose(y, 1, 2).reshape([N, T, D]), proj_weight, proj_bias, bf16)


# The same with q and k normalised over the head width first (affine LayerNorm, eps 1e-5 as timm's default,
# which the official code takes; the block's own norms have 1e-6).
def qk_norm_attention(
    x: Tensor, qkv_weight: Tensor, qkv_bias: Tensor,
    q_weight: Tensor, q_bias: Tensor, k_weight: Tensor, k_bias: Tensor,
    proj_weight: Tensor, proj_bias: Tensor, heads: int, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    d = D // heads
    qkv = linear(x, qkv_weight, qkv_bias, bf16).view([N, T, 3, heads, d])
    q, k, v = torch.unbind(torch.permute(qkv, [2, 0, 3, 1, 4]), 0)  # 3 x (N, h, T, d)
    # normalisation in float32, back to the type of v for the products
    q = torch.to(torch.layer_norm(torch.to(q, 6), [d], q_weight, q_bias, 1e-5), v.dtype)
    k = torch.to(torch.layer_norm(torch.to(k, 6), [d], k_weight, k_bias, 1e-5), v.dtype)
    y = torch.scaled_dot_product_attention(q, k, v)  # (N, h, T, d)
    return linear(torch.transpose(y, 1, 2).reshape([N, T, D]), proj_weight, proj_bias, bf16)
