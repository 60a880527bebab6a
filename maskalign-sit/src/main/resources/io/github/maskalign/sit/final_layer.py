from torch import Tensor
from typing import Tuple
from linear import linear
from modulated_norm import modulated_norm


def final_norm(x: Tensor, c: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    m = torch.unsqueeze(torch.to(linear(torch.silu(c), weight, bias, bf16), 6), 1)  # (N, 1, 2 D)
    parts = torch.chunk(m, 2, 2)  # shift, scale
    return modulated_norm(x, parts[0], parts[1])  # (N, T, D)


def final_layer(
    x: Tensor, c: Tensor, weight: Tensor, bias: Tensor, modulation_weight: Tensor, modulation_bias: Tensor, bf16: bool
) -> Tensor:
    h = final_norm(x, c, modulation_weight, modulation_bias, bf16)
    return torch.to(linear(h, weight, bias, bf16), 6)  # (N, T, p²C)


# With a class token in front: patches through one head, the class token through its own.
def joint_final_layer(
    x: Tensor, c: Tensor, weight: Tensor, bias: Tensor, cls_weight: Tensor, cls_bias: Tensor,
    modulation_weight: Tensor, modulation_bias: Tensor, bf16: bool
) -> Tuple[Tensor, Tensor]:
    h = final_norm(x, c, modulation_weight, modulation_bias, bf16)
    v = torch.to(linear(h[:, 1:], weight, bias, bf16), 6)  # (N, T, p²C)
    g = torch.to(linear(h[:, 0], cls_weight, cls_bias, bf16), 6)  # (N, Z)
    return v, g


# Token n = row G + column holds pixels (a, b) of its patch with the channel fastest: k = (a p + b) C + c.
# Only the first `channels` of the C predicted ones are kept: learn_sigma models predict twice as many.
def unpatchify(tokens: Tensor, grid: int, patch: int, predicted: int, channels: int) -> Tensor:
    N = tokens.size(0)
    x = tokens.view([N, grid, grid, patch, patch, predicted])
    x = torch.permute(x[:, :, :, :, :, 0:channels], [0, 5, 1, 3, 2, 4])  # (N, C, G, p, G, p)
    return x.reshape([N, channels, grid * patch, grid * patch])  # (N, C, H, W)
