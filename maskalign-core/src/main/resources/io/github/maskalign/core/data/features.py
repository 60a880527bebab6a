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
