from torch import Tensor
from block import linear


# Rows of the token table and of the position table, added: (N, T) to (N, T, D).
def embed_tokens(ids: Tensor, token_embedding_weight: Tensor, position_embedding_weight: Tensor) -> Tensor:
    return torch.embedding(token_embedding_weight, ids) + torch.narrow(position_embedding_weight, 0, 0, ids.size(1))


# Multi-head attention of each token to itself and those before it: (N, T, D).
def causal_attention(
    x: Tensor,
    q_weight: Tensor, q_bias: Tensor, k_weight: Tensor, k_bias: Tensor, v_weight: Tensor, v_bias: Tensor,
    out_weight: Tensor, out_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    split = [N, T, heads, D // heads]
    q = torch.transpose(linear(x, q_weight, q_bias, bf16).view(split), 1, 2)  # (N, h, T, d)
    k = torch.transpose(linear(x, k_weight, k_bias, bf16).view(split), 1, 2)
    v = torch.transpose(linear(x, v_weight, v_bias, bf16).view(split), 1, 2)
    y = torch.scaled_dot_product_attention(q, k, v, None, 0.0, True)  # (N, h, T, d)
    return linear(torch.transpose(y, 1, 2).reshape([N, T, D]), out_weight, out_bias, bf16)


# h sigmoid(1.702 h), or the exact GELU.
def activation(h: Tensor, quick: bool) -> Tensor:
    if quick:
        return h * torch.sigmoid(1.702 * h)
    return torch.gelu(h)


# x + Attention(LN(x)), then x + MLP(LN(x)); the residual stream and the norms are float32 in both modes.
def clip_text_block(
    x: Tensor,
    layer_norm1_weight: Tensor, layer_norm1_bias: Tensor,
    self_attn_q_proj_weight: Tensor, self_attn_q_proj_bias: Tensor,
    self_attn_k_proj_weight: Tensor, self_attn_k_proj_bias: Tensor,
    self_attn_v_proj_weight: Tensor, self_attn_v_proj_bias: Tensor,
    self_attn_out_proj_weight: Tensor, self_attn_out_proj_bias: Tensor,
    layer_norm2_weight: Tensor, layer_norm2_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    heads: int, eps: float, quick: bool, bf16: bool
) -> Tensor:
    D = x.size(2)
    h = torch.layer_norm(x, [D], layer_norm1_weight, layer_norm1_bias, eps)  # (N, T, D)
    h = causal_attention(
        h, self_attn_q_proj_weight, self_attn_q_proj_bias, self_attn_k_proj_weight, self_attn_k_proj_bias,
        self_attn_v_proj_weight, self_attn_v_proj_bias, self_attn_out_proj_weight, self_attn_out_proj_bias, heads, bf16)
    x = x + torch.to(h, 6)
    h = torch.layer_norm(x, [D], layer_norm2_weight, layer_norm2_bias, eps)
    h = activation(linear(h, mlp_fc1_weight, mlp_fc1_bias, bf16), quick)
    return x + torch.to(linear(h, mlp_fc2_weight, mlp_fc2_bias, bf16), 6)


def closing_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return torch.layer_norm(x, [x.size(2)], weight, bias, eps)


# One token of each caption: positions (N) of (N, T, D) to (N, D).
def token_at(x: Tensor, position: Tensor) -> Tensor:
    index = position.view([-1, 1, 1]).expand([-1, 1, x.size(2)])
    return torch.squeeze(torch.gather(x, 1, index), 1)


# W x, without bias: (N, D) to (N, P).
def projected(x: Tensor, text_projection_weight: Tensor) -> Tensor:
    return torch.linear(x, text_projection_weight, None)
