# SiT's own parts in the order of a forward pass: from latents to tokens, the condition, and back to latents.
# Everything between is in block.py. N batch, C channels, H W side, p patch side, G = H / p, T = G^2 tokens, D width.
from torch import Tensor
from typing import List, Optional
from block import linear, modulations, modulated_norm


# [cos(t f_k) | sin(t f_k)], f_k = exp(-ln(10000) k / 128), k = 0..127, in float32; t enters unscaled.
def time_features(t: Tensor) -> Tensor:
    k = torch.arange(0, 128, dtype=6, device=t.device)
    angles = torch.unsqueeze(torch.to(t, 6), 1) * torch.exp(k * -9.210340371976184 / 128)  # (N, 128)
    return torch.cat([torch.cos(angles), torch.sin(angles)], 1)  # (N, 256)


def timestep_embedder(
    t: Tensor, mlp_0_weight: Tensor, mlp_0_bias: Tensor, mlp_2_weight: Tensor, mlp_2_bias: Tensor, bf16: bool
) -> Tensor:
    h = torch.silu(linear(time_features(t), mlp_0_weight, mlp_0_bias, bf16))  # (N, D)
    return torch.to(linear(h, mlp_2_weight, mlp_2_bias, bf16), 6)  # (N, D)


# Labels whose entry in dropped is not 0 become the null class.
def drop_labels(y: Tensor, dropped: Tensor, null_label: int) -> Tensor:
    return torch.where(dropped != 0, torch.full_like(y, null_label), y)  # (N)


# c = time + label.
def condition(y: Tensor, time: Tensor, embedding_table_weight: Tensor) -> Tensor:
    return time + torch.embedding(embedding_table_weight, y)  # (N, D)


# Non-overlapping p x p patches through one linear map, tokens in row-major order, plus the position table.
def patch_embed(
    x: Tensor, pos_embed: Tensor, proj_weight: Tensor, proj_bias: Tensor, patch: int, bf16: bool
) -> Tensor:
    if bf16:
        h = torch.conv2d(torch.to(x, 15), torch.to(proj_weight, 15), torch.to(proj_bias, 15), [patch, patch])
    else:
        h = torch.conv2d(x, proj_weight, proj_bias, [patch, patch])  # (N, D, G, G)
    tokens = torch.transpose(torch.flatten(h, 2), 1, 2)  # (N, T, D)
    # with a class token the table has one row more, in front
    return tokens + pos_embed[:, pos_embed.size(1) - tokens.size(1):]


# REG: the noised class token (N, Z), brought to the model's width, normalised and put in front of the patches.
# Its row of the position table is added for completeness; it is zero in a fresh model.
def prepend_class_token(
    tokens: Tensor, cls: Tensor, pos_embed: Tensor,
    cls_projectors2_weight: Tensor, cls_projectors2_bias: Tensor, wg_norm_weight: Tensor, wg_norm_bias: Tensor,
    bf16: bool
) -> Tensor:
    h = torch.to(linear(cls, cls_projectors2_weight, cls_projectors2_bias, bf16), 6)  # (N, D)
    h = torch.layer_norm(h, [h.size(1)], wg_norm_weight, wg_norm_bias, 1e-6)
    return torch.cat([torch.unsqueeze(h, 1) + pos_embed[:, 0:1], tokens], 1)  # (N, 1+T, D)


# SRA: the head through which hidden tokens meet those of the model's average; D to 2 D to D.
def self_align_head(
    h: Tensor,
    linear1_weight: Tensor, linear1_bias: Tensor, linear2_weight: Tensor, linear2_bias: Tensor,
    bf16: bool
) -> Tensor:
    h = torch.silu(linear(h, linear1_weight, linear1_bias, bf16))  # (N, T, 2D)
    return torch.to(linear(h, linear2_weight, linear2_bias, bf16), 6)  # (N, T, D)


# The velocity of each patch, and with a class token in front its velocity, each through a head of its own.
def final_layer(
    x: Tensor, c: Tensor,
    linear_weight: Tensor, linear_bias: Tensor,
    linear_cls_weight: Optional[Tensor], linear_cls_bias: Optional[Tensor],
    adaLN_modulation_1_weight: Tensor, adaLN_modulation_1_bias: Tensor,
    bf16: bool
) -> List[Tensor]:
    m = modulations(c, adaLN_modulation_1_weight, adaLN_modulation_1_bias, 2, bf16)  # shift, scale
    h = modulated_norm(x, m[0], m[1])  # (N, [1+]T, D)
    if bf16:
        h = torch.to(h, 15)  # once for both heads
    if linear_cls_weight is None or linear_cls_bias is None:
        return [torch.to(linear(h, linear_weight, linear_bias, bf16), 6)]  # (N, T, p²C)
    patches = torch.to(linear(h[:, 1:], linear_weight, linear_bias, bf16), 6)  # (N, T, p²C)
    return [patches, torch.to(linear(h[:, 0], linear_cls_weight, linear_cls_bias, bf16), 6)]  # (N, Z)


# Token n = row G + column holds pixels (a, b) of its patch with the channel fastest: k = (a p + b) C + c.
def patchify(image: Tensor, patch: int) -> Tensor:
    N, C, G = image.size(0), image.size(1), image.size(2) // patch
    x = image.reshape([N, C, G, patch, G, patch])
    return torch.permute(x, [0, 2, 4, 3, 5, 1]).reshape([N, G * G, patch * patch * C])  # (N, T, p²C)


# The way back. Only the first `channels` of the C predicted ones are kept: learn_sigma models predict twice as many.
def unpatchify(tokens: Tensor, grid: int, patch: int, predicted: int, channels: int) -> Tensor:
    N = tokens.size(0)
    x = tokens.view([N, grid, grid, patch, patch, predicted])
    x = torch.permute(x[:, :, :, :, :, 0:channels], [0, 5, 1, 3, 2, 4])  # (N, C, G, p, G, p)
    return x.reshape([N, channels, grid * patch, grid * patch])  # (N, C, H, W)


# Where the sparse path leaves the dense one (SPRINT), or a long skip the blocks (MDTv2). A slice is a step of its own in the
# backward pass even where it takes all samples, so that the gradients of both ways are summed in one order, whether blocks are
# computed again or not.
def apart(x: Tensor) -> Tensor:
    return x[0:x.size(0)]


def first_samples(x: Tensor, samples: int) -> Tensor:
    return x[0:samples]


# Between the sparse and the last dense blocks: samples that are dropped (N), not 0, get the learned token (1, 1, D)
# in place of all that the sparse blocks made of them.
def drop_path(x: Tensor, dropped: Tensor, fill: Tensor) -> Tensor:
    return torch.where(dropped.reshape([dropped.size(0), 1, 1]) != 0, fill, x)  # (N, [1+]T, D)


# The same for samples that never went through the sparse blocks, which stand behind those that did.
def without_path(x: Tensor, fill: Tensor, samples: int) -> Tensor:
    blank = fill.expand([samples - x.size(0), x.size(1), x.size(2)])
    return torch.cat([x, blank], 0)  # (N, [1+]T, D)


# And joined with what the first dense blocks made of all tokens: Linear([sparse; dense]).
def fuse(x: Tensor, dense: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    return torch.to(linear(torch.cat([x, dense], 2), weight, bias, bf16), 6)  # (N, [1+]T, D)


# MaskDiT, into the decoder: modulated norm and a linear map to its width, under the official names.
def decoder_layer(
    x: Tensor, c: Tensor, linear_weight: Tensor, linear_bias: Tensor,
    adaLN_modulation_1_weight: Tensor, adaLN_modulation_1_bias: Tensor, bf16: bool
) -> Tensor:
    m = modulations(c, adaLN_modulation_1_weight, adaLN_modulation_1_bias, 2, bf16)  # shift, scale
    return torch.to(linear(modulated_norm(x, m[0], m[1]), linear_weight, linear_bias, bf16), 6)  # (N, [1+]K, m)


def add_positions(x: Tensor, table: Tensor) -> Tensor:
    return x + table  # (N, [1+]T, m)
