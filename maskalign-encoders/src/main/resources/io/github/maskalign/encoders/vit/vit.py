# The vision transformer of DINOv2, DINO, MAE, MoCo v3, CLIP, I-JEPA, DINOv3, SigLIP 2, PE and C-RADIO, in the order of a
# forward pass.
# Weights are named after their keys, dots as underscores; what a family lacks is None. 6 is float32.
from torch import Tensor
from typing import Optional, Tuple
from block import attention, attention_logits, linear


# The learned table of a square grid for pictures of another grid, bicubic, the rows before the grid kept.
# Rules: 0 with antialias; 1 without; 2 without, by the scale (side + 0.1) / grid; 3, C-RADIO's: bilinear to a square of the
# longer side, of which the upper left corner is taken.
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
    elif rule == 2:
        table = torch.upsample_bicubic2d(
            table, [rows, columns], False, (float(rows) + 0.1) / float(grid), (float(columns) + 0.1) / float(grid))
    else:
        side = rows
        if columns > rows:
            side = columns
        table = torch.upsample_bilinear2d(table, [side, side], False)
        table = torch.narrow(torch.narrow(table, 2, 0, rows), 3, 0, columns)
    table = torch.flatten(table, 2).transpose(1, 2)  # (1, T, D)
    return torch.cat([torch.narrow(pos_embed, 1, 0, before), table], 1)


# Patches cut and projected by one convolution, positions added, class token and registers in front; registers have no
# position, and where the table has no row for the class token that has none either: (N, [1+R+]T, D).
def token_embedding(
    image: Tensor,
    cls_token: Optional[Tensor], pos_embed: Optional[Tensor], register_tokens: Optional[Tensor],
    patch_embed_proj_weight: Tensor, patch_embed_proj_bias: Optional[Tensor],
    patch: int, grid: int, rule: int
) -> Tensor:
    x = torch.conv2d(image, patch_embed_proj_weight, patch_embed_proj_bias, [patch, patch])  # (N, D, h, w)
    rows, columns = x.size(2), x.size(3)
    x = torch.flatten(x, 2).transpose(1, 2)  # (N, T, D)
    if cls_token is None:
        if pos_embed is not None:
            x = x + positions(pos_embed, grid, rows, columns, rule)
        return x
    first = cls_token.expand([x.size(0), -1, -1])
    if pos_embed is None:
        x = torch.cat([first, x], 1)  # (N, 1+T, D)
    else:
        table = positions(pos_embed, grid, rows, columns, rule)
        if table.size(1) == x.size(1):
            x = torch.cat([first, x + table], 1)
        else:
            x = torch.cat([first, x], 1) + table
    if register_tokens is not None:
        registers = register_tokens.expand([x.size(0), -1, -1])
        x = torch.cat([torch.narrow(x, 1, 0, 1), registers, torch.narrow(x, 1, 1, x.size(1) - 1)], 1)
    return x


# Cosines and sines by which the patches of a picture are turned, (2, T, d): the angles ((i + offset) / side span + start) /
# period along rows and columns, rows first. Interleaved, columns come first and an angle belongs to two neighbours; else to
# numbers half a head apart.
def rotary_table(
    image: Tensor, periods: Tensor, patch: int, offset: float, span: float, start: float, interleaved: bool
) -> Tensor:
    rows, columns = image.size(2) // patch, image.size(3) // patch
    y = (torch.arange(0, rows, dtype=6, device=image.device) + offset) * (span / float(rows)) + start
    x = (torch.arange(0, columns, dtype=6, device=image.device) + offset) * (span / float(columns)) + start
    down = torch.unsqueeze(torch.unsqueeze(y, 1) / periods, 1).expand([rows, columns, -1])  # (h, w, d/4)
    across = torch.unsqueeze(torch.unsqueeze(x, 1) / periods, 0).expand([rows, columns, -1])
    if interleaved:
        angles = torch.flatten(torch.cat([across, down], 2), 0, 1)  # (T, d/2)
        angles = torch.flatten(torch.stack([angles, angles], 2), 1)  # (T, d)
    else:
        angles = torch.flatten(torch.cat([down, across], 2), 0, 1)
        angles = torch.cat([angles, angles], 1)
    return torch.stack([torch.cos(angles), torch.sin(angles)], 0)


# Queries or keys (N, h, T, d) with their patches turned; what stands before the patches stays.
def rotated(x: Tensor, rope: Tensor, interleaved: bool) -> Tensor:
    P, d = rope.size(1), x.size(3)
    before = x.size(2) - P
    p = torch.narrow(x, 2, before, P)
    if interleaved:
        a, b = torch.unbind(p.reshape([x.size(0), x.size(1), P, d // 2, 2]), 4)
        turned = torch.flatten(torch.stack([torch.neg(b), a], 4), 3)
    else:
        turned = torch.cat([torch.neg(torch.narrow(p, 3, d // 2, d // 2)), torch.narrow(p, 3, 0, d // 2)], 3)
    p = torch.to(p * torch.select(rope, 0, 0) + turned * torch.select(rope, 0, 1), x.dtype)
    return torch.cat([torch.narrow(x, 2, 0, before), p], 2)


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


# The same with queries and keys turned by the places of their patches.
def rotary_attention_half(
    x: Tensor, rope: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    gamma: Optional[Tensor], heads: int, eps: float, interleaved: bool, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    h = torch.layer_norm(x, [D], norm1_weight, norm1_bias, eps)  # (N, T, D)
    qkv = linear(h, qkv_weight, qkv_bias, bf16).view([N, T, 3, heads, D // heads])
    q, k, v = torch.unbind(torch.permute(qkv, [2, 0, 3, 1, 4]), 0)  # 3 x (N, h, T, d)
    y = torch.scaled_dot_product_attention(rotated(q, rope, interleaved), rotated(k, rope, interleaved), v)
    h = linear(torch.transpose(y, 1, 2).reshape([N, T, D]), proj_weight, proj_bias, bf16)
    return x + scaled(h, gamma)


# Of attention logits (N, h, 1+R+T, 1+R+T) those of the class token and the patches, (N, h, 1+T, 1+T): registers have no row
# and no column, and where there is no class token its row and column are zeros.
def of_class_and_patches(a: Tensor, class_token: bool, registers: int) -> Tensor:
    if not class_token:
        return torch.constant_pad_nd(a, [1, 0, 1, 0], 0.0)
    T = a.size(2) - 1 - registers
    a = torch.cat([torch.narrow(a, 2, 0, 1), torch.narrow(a, 2, 1 + registers, T)], 2)
    return torch.cat([torch.narrow(a, 3, 0, 1), torch.narrow(a, 3, 1 + registers, T)], 3)


# What the softmax of a block's attention sees.
def vit_attention_logits(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, attn_qkv_weight: Tensor, attn_qkv_bias: Tensor,
    heads: int, eps: float, class_token: bool, registers: int, bf16: bool
) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], norm1_weight, norm1_bias, eps)
    a = attention_logits(h, attn_qkv_weight, attn_qkv_bias, None, None, None, None, heads, bf16)
    return of_class_and_patches(a, class_token, registers)


# The same of a block whose queries and keys are turned.
def rotary_attention_logits(
    x: Tensor, rope: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor, attn_qkv_weight: Tensor, attn_qkv_bias: Tensor,
    heads: int, eps: float, class_token: bool, registers: int, interleaved: bool, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    d = D // heads
    h = torch.layer_norm(x, [D], norm1_weight, norm1_bias, eps)
    qk = linear(h, attn_qkv_weight[0 : 2 * D], attn_qkv_bias[0 : 2 * D], bf16).view([N, T, 2, heads, d])
    q, k = torch.unbind(torch.permute(qk, [2, 0, 3, 1, 4]), 0)  # 2 x (N, h, T, d)
    q, k = rotated(q, rope, interleaved), rotated(k, rope, interleaved)
    a = torch.to(torch.matmul(q * (d ** -0.5), torch.transpose(k, 2, 3)), 6)
    return of_class_and_patches(a, class_token, registers)


# An MLP of two layers. Activations: 0 exact GELU; 1 h sigmoid(1.702 h); 2 GELU by tanh.
def token_mlp(
    h: Tensor, fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor, activation: int, bf16: bool
) -> Tensor:
    h = linear(h, fc1_weight, fc1_bias, bf16)
    if activation == 1:
        h = h * torch.sigmoid(1.702 * h)
    elif activation == 2:
        h = torch.gelu(h, approximate="tanh")
    else:
        h = torch.gelu(h)
    return linear(h, fc2_weight, fc2_bias, bf16)


# x + g2 * MLP(LN(x)).
def mlp_half(
    x: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor,
    fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor,
    gamma: Optional[Tensor], eps: float, activation: int, bf16: bool
) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], norm2_weight, norm2_bias, eps)
    return x + scaled(token_mlp(h, fc1_weight, fc1_bias, fc2_weight, fc2_bias, activation, bf16), gamma)


# The same with SwiGLU: halves a, b of W12 h give SiLU(a) b.
def swiglu_half(
    x: Tensor,
    norm2_weight: Tensor, norm2_bias: Tensor,
    w12_weight: Tensor, w12_bias: Tensor, w3_weight: Tensor, w3_bias: Tensor,
    gamma: Optional[Tensor], eps: float, bf16: bool
) -> Tensor:
    h = torch.layer_norm(x, [x.size(2)], norm2_weight, norm2_bias, eps)
    h = linear(h, w12_weight, w12_bias, bf16)
    D = h.size(2) // 2
    h = torch.silu(torch.narrow(h, 2, 0, D)) * torch.narrow(h, 2, D, D)
    return x + scaled(linear(h, w3_weight, w3_bias, bf16), gamma)


# x + g1 * Attention(LN(x)), then x + g2 * MLP(LN(x)).
def vit_block(
    x: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    ls1_gamma: Optional[Tensor],
    norm2_weight: Tensor, norm2_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    ls2_gamma: Optional[Tensor],
    heads: int, eps: float, activation: int, bf16: bool
) -> Tensor:
    x = attention_half(x, norm1_weight, norm1_bias, attn_qkv_weight, attn_qkv_bias, attn_proj_weight, attn_proj_bias,
                       ls1_gamma, heads, eps, bf16)
    return mlp_half(x, norm2_weight, norm2_bias, mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias,
                    ls2_gamma, eps, activation, bf16)


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
    return swiglu_half(x, norm2_weight, norm2_bias, mlp_w12_weight, mlp_w12_bias, mlp_w3_weight, mlp_w3_bias,
                       ls2_gamma, eps, bf16)


# Both with queries and keys turned.
def rotary_vit_block(
    x: Tensor, rope: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    ls1_gamma: Optional[Tensor],
    norm2_weight: Tensor, norm2_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    ls2_gamma: Optional[Tensor],
    heads: int, eps: float, activation: int, interleaved: bool, bf16: bool
) -> Tensor:
    x = rotary_attention_half(x, rope, norm1_weight, norm1_bias, attn_qkv_weight, attn_qkv_bias, attn_proj_weight,
                              attn_proj_bias, ls1_gamma, heads, eps, interleaved, bf16)
    return mlp_half(x, norm2_weight, norm2_bias, mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias,
                    ls2_gamma, eps, activation, bf16)


def rotary_swiglu_vit_block(
    x: Tensor, rope: Tensor,
    norm1_weight: Tensor, norm1_bias: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    ls1_gamma: Optional[Tensor],
    norm2_weight: Tensor, norm2_bias: Tensor,
    mlp_w12_weight: Tensor, mlp_w12_bias: Tensor, mlp_w3_weight: Tensor, mlp_w3_bias: Tensor,
    ls2_gamma: Optional[Tensor],
    heads: int, eps: float, interleaved: bool, bf16: bool
) -> Tensor:
    x = rotary_attention_half(x, rope, norm1_weight, norm1_bias, attn_qkv_weight, attn_qkv_bias, attn_proj_weight,
                              attn_proj_bias, ls1_gamma, heads, eps, interleaved, bf16)
    return swiglu_half(x, norm2_weight, norm2_bias, mlp_w12_weight, mlp_w12_bias, mlp_w3_weight, mlp_w3_bias,
                       ls2_gamma, eps, bf16)


# LayerNorm over the width.
def token_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return torch.layer_norm(x, [x.size(2)], weight, bias, eps)


# The class token (N, D) and the patch tokens (N, T, D) apart; `before` tokens stand before the patches.
def split_tokens(x: Tensor, before: int) -> Tuple[Tensor, Tensor]:
    return torch.select(x, 1, 0), torch.narrow(x, 1, before, x.size(1) - before)


# One vector for a picture, (N, D), where no class token gives it: a learned query looks at all tokens, y = Attention(query,
# x), and y + MLP(LN(y)).
def pooled(
    x: Tensor,
    latent: Tensor, qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    norm_weight: Tensor, norm_bias: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    heads: int, eps: float, activation: int, bf16: bool
) -> Tensor:
    N, T, D = x.size(0), x.size(1), x.size(2)
    d = D // heads
    q = linear(latent, qkv_weight[0:D], qkv_bias[0:D], bf16).view([1, 1, heads, d])
    q = torch.transpose(q, 1, 2).expand([N, -1, -1, -1])  # (N, h, 1, d)
    kv = linear(x, qkv_weight[D : 3 * D], qkv_bias[D : 3 * D], bf16).view([N, T, 2, heads, d])
    k, v = torch.unbind(torch.permute(kv, [2, 0, 3, 1, 4]), 0)  # 2 x (N, h, T, d)
    y = torch.transpose(torch.scaled_dot_product_attention(q, k, v), 1, 2).reshape([N, 1, D])
    y = torch.to(linear(y, proj_weight, proj_bias, bf16), 6)
    h = torch.layer_norm(y, [D], norm_weight, norm_bias, eps)
    h = torch.to(token_mlp(h, mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias, activation, bf16), 6)
    return torch.select(y + h, 1, 0)
