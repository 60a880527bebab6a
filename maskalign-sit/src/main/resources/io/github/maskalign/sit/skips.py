# MDTv2's blocks: adaLN-Zero with a learned bias by relative position, and with a long skip. The rest is in block.py and sit.py.
# N batch, T tokens of a sequence, K kept ones, D width, h heads, G side of the grid.
from torch import Tensor
from typing import Optional
from block import conditioned_block, gather_tokens, scatter_tokens
from sit import fuse


# Which row of a block's table each pair of tokens has, the one that looks first: (N, K K). Tokens are numbered row by row.
def pairs(keep: Tensor, grid: int) -> Tensor:
    row = torch.floor_divide(keep, grid)
    column = keep - row * grid
    rows = torch.unsqueeze(row, 2) - torch.unsqueeze(row, 1) + (grid - 1)  # (N, K, K)
    columns = torch.unsqueeze(column, 2) - torch.unsqueeze(column, 1) + (grid - 1)
    return torch.flatten(rows * (2 * grid - 1) + columns, 1)


# The same for all tokens, once for all samples: (1, T T).
def all_pairs(like: Tensor, grid: int) -> Tensor:
    return pairs(torch.unsqueeze(torch.arange(0, grid * grid, dtype=4, device=like.device), 0), grid)


# What is added before the softmax: (1 or N, h, T, T), in the type of the products.
def position_bias(pairs: Tensor, table: Tensor, tokens: int, bf16: bool) -> Tensor:
    bias = torch.embedding(table, pairs).view([pairs.size(0), tokens, tokens, table.size(1)])
    return torch.permute(torch.to(bias, 15 if bf16 else 6), [0, 3, 1, 2])


def biased_block(
    x: Tensor, c: Tensor, pairs: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    attn_rel_pos_bias_relative_position_bias_table: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    adaLN_modulation_1_weight: Tensor, adaLN_modulation_1_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    bias = position_bias(pairs, attn_rel_pos_bias_relative_position_bias_table, x.size(1), bf16)
    return conditioned_block(
        x, c, attn_qkv_weight, attn_qkv_bias, None, None, None, None, attn_proj_weight, attn_proj_bias,
        mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias,
        adaLN_modulation_1_weight, adaLN_modulation_1_bias, bias, heads, bf16)


# The same on Linear([x; skip]).
def skip_block(
    x: Tensor, c: Tensor, skip: Tensor, pairs: Tensor, skip_linear_weight: Tensor, skip_linear_bias: Tensor,
    attn_qkv_weight: Tensor, attn_qkv_bias: Tensor, attn_proj_weight: Tensor, attn_proj_bias: Tensor,
    attn_rel_pos_bias_relative_position_bias_table: Tensor,
    mlp_fc1_weight: Tensor, mlp_fc1_bias: Tensor, mlp_fc2_weight: Tensor, mlp_fc2_bias: Tensor,
    adaLN_modulation_1_weight: Tensor, adaLN_modulation_1_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    return biased_block(
        fuse(x, skip, skip_linear_weight, skip_linear_bias, bf16), c, pairs,
        attn_qkv_weight, attn_qkv_bias, attn_proj_weight, attn_proj_bias,
        attn_rel_pos_bias_relative_position_bias_table, mlp_fc1_weight, mlp_fc1_bias, mlp_fc2_weight, mlp_fc2_bias,
        adaLN_modulation_1_weight, adaLN_modulation_1_bias, heads, bf16)


# Kept tokens as they were, all others as they were guessed: (N, T, D).
def fill_in(before: Tensor, guessed: Tensor, keep: Tensor) -> Tensor:
    return scatter_tokens(guessed, gather_tokens(before, keep, False), keep, False)
