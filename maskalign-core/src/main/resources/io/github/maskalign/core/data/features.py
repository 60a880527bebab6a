# Few channels of an encoder's tokens, as planes beside a latent. N pictures of T tokens on a square grid. 6 is float32.
from torch import Tensor
from typing import List


# Tokens (N, T, Z), standardised by channel, along the components (C, Z): (N, T, C).
def along(tokens: Tensor, mean: Tensor, std: Tensor, components: Tensor) -> Tensor:
    return torch.matmul((torch.to(tokens, 6) - mean) / std, torch.t(components))


# Eigenvalues, ascending, and eigenvectors (D, D), one in each column, of a symmetric matrix.
def eigen(symmetric: Tensor) -> List[Tensor]:
    values, vectors = torch.linalg_eigh(symmetric, "L")
    return [values, vectors.contiguous()]


# Tokens (N, T, C), row-major, as planes (N, C, side, side): bilinear, corners not aligned.
def planes(tokens: Tensor, grid: int, side: int) -> Tensor:
    rows = torch.reshape(torch.transpose(tokens, 1, 2), [tokens.size(0), tokens.size(2), grid, grid])
    return torch.upsample_bilinear2d(rows, [side, side], False, None, None)


# Tokens (N, T, Z), standardised by channel, on their grid: (N, Z, grid, grid).
def on_grid(tokens: Tensor, mean: Tensor, std: Tensor, grid: int) -> Tensor:
    standard = (torch.to(tokens, 6) - mean) / std
    return torch.reshape(torch.transpose(standard, 1, 2), [tokens.size(0), tokens.size(2), grid, grid])


# 3 x 3, with a margin of zeros.
def convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.conv2d(x, weight, bias, [1, 1], [1, 1])


# A norm by mean and variance that are known, the at-th and the next, or without any by those of the batch.
def normalised(x: Tensor, weight: Tensor, bias: Tensor, statistics: List[Tensor], at: int) -> Tensor:
    if len(statistics) == 0:
        return torch.batch_norm(x, weight, bias, None, None, True, 0.1, 1e-5, False)
    return torch.batch_norm(x, weight, bias, statistics[at], statistics[at + 1], False, 0.1, 1e-5, False)


# Half of a compressor, its encoder or decoder: (N, Z, G, G) by H channels to (N, C, G, G). 12 weights: those of the first
# convolution, of two convolutions each with its norm, and of the last. 4 statistics: mean and variance of the two norms.
def half(x: Tensor, weights: List[Tensor], statistics: List[Tensor]) -> Tensor:
    h = convolved(x, weights[0], weights[1])
    inner = normalised(convolved(h, weights[2], weights[3]), weights[4], weights[5], statistics, 0)
    inner = normalised(convolved(torch.relu(inner), weights[6], weights[7]), weights[8], weights[9], statistics, 2)
    return convolved(torch.relu(h + inner), weights[10], weights[11])


# The same while it is trained.
def half_of_batch(x: Tensor, weights: List[Tensor]) -> Tensor:
    return half(x, weights, [])


# Mean and variance over pictures and places, for running statistics: of the n - 1 kind.
def of_channels(x: Tensor) -> List[Tensor]:
    return [torch.mean(x, [0, 2, 3]), torch.var(x, [0, 2, 3], True)]


# What the two norms of half_of_batch see: mean and variance of each (H).
def batch_statistics(x: Tensor, weights: List[Tensor]) -> List[Tensor]:
    first = convolved(convolved(x, weights[0], weights[1]), weights[2], weights[3])
    inner = torch.relu(normalised(first, weights[4], weights[5], [], 0))
    return of_channels(first) + of_channels(convolved(inner, weights[6], weights[7]))


# Tokens (N, T, Z) by the encoder of a compressor: (N, T, C).
def compress(
    tokens: Tensor, mean: Tensor, std: Tensor, grid: int, weights: List[Tensor], statistics: List[Tensor]
) -> Tensor:
    return torch.transpose(torch.flatten(half(on_grid(tokens, mean, std, grid), weights, statistics), 2), 1, 2)


# Mean squared difference; 0-d.
def mean_square(x: Tensor, y: Tensor) -> Tensor:
    return torch.mean(torch.square(x - y))
