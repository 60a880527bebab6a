# The transformer block of DiT and SiT and what it is made of, then what else is built from the same parts: the layers
# around the token mixer, the projector, and taking tokens out and putting them back.
#
# A weight is named after its key in the state dict, dots as underscores. N batch, T tokens, K kept tokens, D width,
# h heads, d head width, Z encoder width. Data types are numbers, as an archive has them: 6 float32, 15 bfloat16.
# The residual stream, norms and modulation are float32 in both precisions: where a float32 array meets a bfloat16 one,
# the operation itself takes the latter as float32.
from torch import Tensor
from typing import List, Optional


# x W^T + b, in float32 or with operands rounded to bfloat16 as autocast does.
def linear(x: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    if bf16:
        return torch.linear(torch.to(x, 15), torch.to(weight, 15), torch.to(bias, 15))
    return torch.linear(x, weight, bias)


# SiLU(c) rounded to bfloat16 for many blocks at once: (blocks, N, D). Their gradients are added in float32.
def shared_condition(c: Tensor, blocks: int) -> Tensor:
    return torch.to(torch.unsqueeze(torch.silu(c), 0).expand([blocks, -1, -1]), 15, memory_format=0)


def condition_of_each(shared: Tensor) -> List[Tensor]:
    return torch.unbind(shared, 0)  # blocks x (N, D)


# Linear(SiLU(c)) cut into D-wide pieces, each (N, 1, D) in float32. A c in bfloat16 is a shared condition.
def modulations(c: Tensor, weight: Tensor, bias: Tensor, pieces: int, bf16: bool) -> List[Tensor]:
    if c.dtype != 15:
        c = torch.silu(c)
    m = torch.to(linear(c, weight, bias, bf16), 6)  # (N, pieces D)
    return torch.chunk(torch.unsqueeze(m, 1), pieces, 2)


# LN(x) (1 + scale) + shift, without learned affine parameters.
def modulated_norm(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], None, None, 1e-6)  # (N, T, D)
    return torch.addcmul(shift, h, 1 + scale)  # (N, T, D)


# LN over the head width in float32, with timm's eps, and back to the type of the products; without weight nothing.
def head_norm(x: Tensor, weight: Optional[Tensor], bias: Optional[Tensor], dtype: int) -> Tensor:
    if weight is None:
        return x
    return torch.to(torch.layer_norm(torch.to(x, 6), [x.size(3)], weight, bias, 1e-5), dtype)


# Multi-head self-attention with one fused projection: softmax(q k^T / sqrt(d)) v.
def attention(
    x: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor,
    q_norm_weight: Optional[Tensor], q_norm_bias: Optional[Tensor],
    k_norm_weight: Optional[Tensor], k_norm_bias: Optional[Tensor],
    proj_weight: Tensor, proj_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    return biased_attention(
        x, qkv_weight, qkv_bias, q_norm_weight, q_norm_bias, k_norm_weight, k_norm_bias, proj_weight, proj_bias,
        None, heads, bf16)


# The same with a bias (1 or N, h, T, T), if there is one, added to what the softmax sees.
def biased_attention(
    x: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor,
    q_norm_weight: Optional[Tensor], q_norm_bias: Optional[Tensor],
    k_norm_weight: Optional[Tensor], k_norm_bias: Optional[Tensor],
    proj_weight: Tensor, proj_bias: Tensor,
    bias: Optional[Tensor], heads: int, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    qkv = linear(x, qkv_weight, qkv_bias, bf16).view([N, T, 3, heads, D // heads])
    q, k, v = torch.unbind(torch.permute(qkv, [2, 0, 3, 1, 4]), 0)  # 3 x (N, h, T, d)
    q = head_norm(q, q_norm_weight, q_norm_bias, v.dtype)
    k = head_norm(k, k_norm_weight, k_norm_bias, v.dtype)
    y = torch.scaled_dot_product_attention(q, k, v, bias)  # (N, h, T, d)
    return linear(torch.transpose(y, 1, 2).reshape([N, T, D]), proj_weight, proj_bias, bf16)


# What the softmax of the attention above sees, q k^T / sqrt(d), for those who look at it: (N, h, T, T), float32.
def attention_logits(
    x: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor,
    q_norm_weight: Optional[Tensor], q_norm_bias: Optional[Tensor],
    k_norm_weight: Optional[Tensor], k_norm_bias: Optional[Tensor],
    heads: int, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    d = D // heads
    qk = linear(x, qkv_weight[0 : 2 * D], qkv_bias[0 : 2 * D], bf16).view([N, T, 2, heads, d])
    q, k = torch.unbind(torch.permute(qk, [2, 0, 3, 1, 4]), 0)  # 2 x (N, h, T, d)
    q = head_norm(q, q_norm_weight, q_norm_bias, qk.dtype)
    k = head_norm(k, k_norm_weight, k_norm_bias, qk.dtype)
    return torch.to(torch.matmul(q * (d ** -0.5), torch.transpose(k, 2, 3)), 6)


def mlp(
    x: Tensor, fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor, bf16: bool
) -> Tensor:
    h = torch.gelu(linear(x, fc1_weight, fc1_bias, bf16), approximate="tanh")
    return linear(h, fc2_weight, fc2_bias, bf16)


# The block with adaLN-Zero conditioning (DiT, section 3.2; SiT uses it unchanged).
def ada_ln_zero_block(
    x: Tensor, c: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor,
    attn_q_norm_weight: Optional[Tensor], attn_q_norm_bias: Optional[Tensor],
    attn_k_norm_weight: Optional[Tensor], attn_k_norm_bias: Optional[Tensor],
    attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    adaLN_modulation_1_weight: Tensor, adaLN_modulation_1_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    return conditioned_block(
        x, c, attn_qkv_weight, attn_qkv_bias, attn_q_norm_weight, attn_q_norm_bias, attn_k_norm_weight, attn_k_norm_bias,
        attn_proj_weight, attn_proj_bias, mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias,
        adaLN_modulation_1_weight, adaLN_modulation_1_bias, None, heads, bf16)


# The same with something added to what the softmax of its attention sees.
def conditioned_block(
    x: Tensor, c: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor,
    attn_q_norm_weight: Optional[Tensor], attn_q_norm_bias: Optional[Tensor],
    attn_k_norm_weight: Optional[Tensor], attn_k_norm_bias: Optional[Tensor],
    attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    adaLN_modulation_1_weight: Tensor, adaLN_modulation_1_bias: Tensor,
    bias: Optional[Tensor], heads: int, bf16: bool
) -> Tensor:
    # shift_msa, scale_msa, gate_msa, shift_mlp, scale_mlp, gate_mlp
    m = modulations(c, adaLN_modulation_1_weight, adaLN_modulation_1_bias, 6, bf16)
    a = biased_attention(
        modulated_norm(x, m[0], m[1]), attn_qkv_weight, attn_qkv_bias,
        attn_q_norm_weight, attn_q_norm_bias, attn_k_norm_weight, attn_k_norm_bias,
        attn_proj_weight, attn_proj_bias, bias, heads, bf16)
    x = torch.addcmul(x, a, m[2])  # (N, T, D), float32 whatever a is
    f = mlp(modulated_norm(x, m[3], m[4]), mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias, bf16)
    return torch.addcmul(x, f, m[5])  # (N, T, D)


# The attention logits of that block, from its inputs.
def ada_ln_zero_logits(
    x: Tensor, c: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor,
    attn_q_norm_weight: Optional[Tensor], attn_q_norm_bias: Optional[Tensor],
    attn_k_norm_weight: Optional[Tensor], attn_k_norm_bias: Optional[Tensor],
    adaLN_modulation_1_weight: Tensor, adaLN_modulation_1_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    m = modulations(c, adaLN_modulation_1_weight, adaLN_modulation_1_bias, 6, bf16)
    return attention_logits(
        modulated_norm(x, m[0], m[1]), attn_qkv_weight, attn_qkv_bias,
        attn_q_norm_weight, attn_q_norm_bias, attn_k_norm_weight, attn_k_norm_bias, heads, bf16)  # (N, h, T, T)


# The block without condition, for a mixer that has none: affine norms and no gates.
def pre_norm_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], norm1_weight, norm1_bias, 1e-6)  # (N, T, D)
    a = attention(
        h, attn_qkv_weight, attn_qkv_bias, None, None, None, None, attn_proj_weight, attn_proj_bias, heads, bf16)
    x = x + a
    h = torch.layer_norm(x, [x.size(2)], norm2_weight, norm2_bias, 1e-6)
    return x + mlp(h, mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias, bf16)


# Into a mixer that is narrower than the model.
def narrow(tokens: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    return torch.to(linear(tokens, weight, bias, bf16), 6)  # (N, T, m)


# And out of it, onto the tokens.
def widen_onto(mixed: Tensor, tokens: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    return tokens + linear(mixed, weight, bias, bf16)  # (N, T, D)


# MicroDiT's way into and out of a mixer that is narrower: a norm before the linear map, and nothing added to the tokens.
def norm_linear(x: Tensor, _0_weight: Tensor, _0_bias: Tensor, _1_weight: Tensor, _1_bias: Tensor, bf16: bool) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], _0_weight, _0_bias, 1e-6)
    return torch.to(linear(h, _1_weight, _1_bias, bf16), 6)  # (N, T, m), and back (N, K, D)


# REPA's head on the hidden tokens at the alignment depth; a name that would begin with a digit begins with _.
def projector(
    h: Tensor,
    _0_weight: Tensor, _0_bias: Tensor, _2_weight: Tensor, _2_bias: Tensor, _4_weight: Tensor, _4_bias: Tensor,
    bf16: bool
) -> Tensor:
    h = torch.silu(linear(h, _0_weight, _0_bias, bf16))  # (N, T, hidden)
    h = torch.silu(linear(h, _2_weight, _2_bias, bf16))
    return torch.to(linear(h, _4_weight, _4_bias, bf16), 6)  # (N, T, Z)


# iREPA's head: one convolution over the grid of tokens, padded with zeros so that it stays as large.
def conv_projector(h: Tensor, weight: Tensor, bias: Tensor, grid: int, bf16: bool) -> Tensor:
    N, T, D = h.size(0), h.size(1), h.size(2)
    image = torch.transpose(h, 1, 2).reshape([N, D, grid, grid])
    pad = weight.size(2) // 2
    if bf16:
        image, weight, bias = torch.to(image, 15), torch.to(weight, 15), torch.to(bias, 15)
    z = torch.conv2d(image, weight, bias, [1, 1], [pad, pad])  # (N, Z, G, G)
    return torch.to(torch.transpose(torch.flatten(z, 2), 1, 2), 6)  # (N, T, Z)


# Sequence indices of kept patches (N, K): with a class token in front it stays, and patches move by one.
def sequence_index(keep: Tensor, class_token: bool) -> Tensor:
    if class_token:
        return torch.cat([torch.zeros_like(keep[:, 0:1]), keep + 1], 1)  # (N, 1+K)
    return keep


def rows(keep: Tensor, class_token: bool, width: int) -> Tensor:
    return torch.unsqueeze(sequence_index(keep, class_token), 2).expand([-1, -1, width])  # (N, [1+]K, D)


# The kept tokens, class token included. The backward pass adds into zeros.
def gather_tokens(tokens: Tensor, keep: Tensor, class_token: bool) -> Tensor:
    return torch.gather(tokens, 1, rows(keep, class_token, tokens.size(2)))  # (N, [1+]K, D)


# A copy of all tokens in which the kept ones are replaced.
def scatter_tokens(tokens: Tensor, kept: Tensor, keep: Tensor, class_token: bool) -> Tensor:
    return torch.scatter(tokens, 1, rows(keep, class_token, tokens.size(2)), kept)  # (N, [1+]T, D)


# All tokens again, a learned token (1, 1, D) wherever one was dropped.
def reinsert_tokens(kept: Tensor, keep: Tensor, fill: Tensor, total: int, class_token: bool) -> Tensor:
    blank = fill.expand([kept.size(0), total, kept.size(2)])  # (N, [1+]T, D)
    return scatter_tokens(blank, kept, keep, class_token)
