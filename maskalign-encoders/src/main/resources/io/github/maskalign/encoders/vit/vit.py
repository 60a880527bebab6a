# The vision transformer of DINOv2, DINO, MAE, MoCo v3, CLIP and I-JEPA, in the order of a forward pass.
# Weights are named after their keys, dots as underscores; what a family lacks is None. 6 is float32.
from torch import Tensor
from typing import Optional, Tuple
from block import attention, attention_logits, linear


# The learned table of a square grid for pictures of another grid, bicubic, the rows before the grid kept.
# Rules: 0 with antialias; 1 without; 2 without, by the scale (side + 0.1) / grid.
def positions(pos_embed: Tensor, grid: int, rows: int, columns: int, rule: int) -> Tensor:
    if rows == grid and columns == grid:
        return pos_embed
    D = pos_embed.size(2)
    before = pos_embed.size(1) - grid * grid
    table = torch.narrow(pos_embed, 1, before, grid * grid).view([1, grid, grid, D])
    table = torch.permute(table, [0, 3, 1, 2])
    if rule == 0:
        table = torch._upsample_bicubic2d_aa(table, [rows, columns], False)
    elif rule == 1:
        table = torch.upsample_bicubic2d(table, [rows, columns], False)
    else:
        table = torch.upsample_bicubic2d(
            table, [rows, columns], False, (float(rows) + 0.1) / float(grid), (float(columns) + 0.1) / float(grid))
    table = torch.flatten(table, 2).transpose(1, 2)  # (1, T, D)
    return torch.cat([torch.narrow(pos_embed, 1, 0, before), table], 1)


# Patches cut and projected by one convolution, positions added, class token and registers in front; registers have no
# position: (N, [1+R+]T, D).
def token_embedding(
    image: Tensor,
    cls_token: Optional[Tensor], pos_embed: Tensor, register_tokens: Optional[Tensor],
    patch_embed_proj_weight: Tensor, patch_embed_proj_bias: Optional[Tensor],
    patch: int, grid: int, rule: int
) -> Tensor:
    x = torch.conv2d(image, patch_embed_proj_weight, patch_embed_proj_bias, [patch, patch])  # (N, D, h, w)
    table = positions(pos_embed, grid, x.size(2), x.size(3), rule)
    x = torch.flatten(x, 2).transpose(1, 2)  # (N, T, D)
    if cls_token is not None:
        x = torch.cat([cls_token.expand([x.size(0), -1, -1]), x], 1)  # (N, 1+T, D)
    x = x + table
    if register_tokens is not None:
        registers = register_tokens.expand([x.size(0), -1, -1])
        x = torch.cat([torch.narrow(x, 1, 0, 1), registers, torch.narrow(x, 1, 1, x.size(1) - 1)], 1)
    return x


# LayerScale's factor, or none.
def scaled(h: Tensor, gamma: Optional[Tensor]) -> Tensor:
    h = torch.to(h, 6)
    if gamma is None:
        return h
    return gamma * h


# x + g1 * Attention(LN(x)).
def attention_half(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    gamma: Optional[Tensor], heads: int, eps: float, bf16: bool
) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], norm1_weight, norm1_bias, eps)  # (N, T, D)
    h = attention(h, qkv_weight, qkv_bias, None, None, None, None, proj_weight, proj_bias, heads, bf16)
    return x + scaled(h, gamma)


# What the softmax of a block's attention sees, for the class token and the patches, (N, h, 1+T, 1+T): registers have no row
# and no column, and where there is no class token its row and column are zeros.
def vit_attention_logits(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, attn_qkv_weight: Tensor, attn_qkv_bias: Tensor,
    heads: int, eps: float, class_token: bool, registers: int, bf16: bool
) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], norm1_weight, norm1_bias, eps)
    a = attention_logits(h, attn_qkv_weight, attn_qkv_bias, None, None, None, None, heads, bf16)
    if not class_token:
        return torch.constant_pad_nd(a, [1, 0, 1, 0], 0.0)
    T = a.size(2) - 1 - registers
    a = torch.cat([torch.narrow(a, 2, 0, 1), torch.narrow(a, 2, 1 + registers, T)], 2)
    return torch.cat([torch.narrow(a, 3, 0, 1), torch.narrow(a, 3, 1 + registers, T)], 3)


# x + g1 * Attention(LN(x)), then x + g2 * MLP(LN(x)) with exact GELU, or h sigmoid(1.702 h) where it is quick.
def vit_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    ls1_gamma: Optional[Tensor],
    norm2_weight: Tensor, norm2_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    ls2_gamma: Optional[Tensor],
    heads: int, eps: float, quick: bool, bf16: bool
) -> Tensor:
    x = attention_half(x, norm1_weight, norm1_bias, attn_qkv_weight, attn_qkv_bias, attn_proj_weight, attn_proj_bias,
                       ls1_gamma, heads, eps, bf16)
    h = torch.layer_norm(x, [x.size(2)], norm2_weight, norm2_bias, eps)
    h = linear(h, mlp_fc1_weight, mlp_fc1_bias, bf16)
    if quick:
        h = h * torch.sigmoid(1.702 * h)
    else:
        h = torch.gelu(h)
    return x + scaled(linear(h, mlp_fc2_weight, mlp_fc2_bias, bf16), ls2_gamma)


# The same with SwiGLU: halves a, b of W12 h give SiLU(a) b.
def swiglu_vit_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    ls1_gamma: Optional[Tensor],
    norm2_weight: Tensor, norm2_bias: Tensor,
    mlp_w12_weight: Tensor, mlp_w12_bias: Tensor, mlp_w3_weight: Tensor, mlp_w3_bias: Tensor,
    ls2_gamma: Optional[Tensor],
    heads: int, eps: float, bf16: bool
) -> Tensor:
    x = attention_half(x, norm1_weight, norm1_bias, attn_qkv_weight, attn_qkv_bias, attn_proj_weight, attn_proj_bias,
                       ls1_gamma, heads, eps, bf16)
    h = torch.layer_norm(x, [x.size(2)], norm2_weight, norm2_bias, eps)
    h = linear(h, mlp_w12_weight, mlp_w12_bias, bf16)
    D = h.size(2) // 2
    h = torch.silu(torch.narrow(h, 2, 0, D)) * torch.narrow(h, 2, D, D)
    return x + scaled(linear(h, mlp_w3_weight, mlp_w3_bias, bf16), ls2_gamma)


# LayerNorm over the width.
def token_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return torch.layer_norm(x, [x.size(2)], weight, bias, eps)


# The class token (N, D) and the patch tokens (N, T, D) apart; `before` tokens stand before the patches.
def split_tokens(x: Tensor, before: int) -> Tuple[Tensor, Tensor]:
    return torch.select(x, 1, 0), torch.narrow(x, 1, before, x.size(1) - before)
