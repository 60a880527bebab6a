from torch import Tensor
from typing import List


# L (D, D) with L L^T = covariance, and its diagonal with 0 in place of all where there is none. Much quicker than eigenvectors.
def triangular(covariance: Tensor) -> List[Tensor]:
    factor, info = torch.linalg_cholesky_ex(covariance, upper=False, check_errors=False)
    pivots = torch.diagonal(factor, 0, 0, 1)
    return [factor, torch.where(torch.eq(info, 0), pivots, torch.zeros_like(pivots))]


# Eigenvalues, ascending, and eigenvectors (D, D) of a symmetric matrix.
def eigen(covariance: Tensor) -> List[Tensor]:
    values, vectors = torch.linalg_eigh(covariance, "L")
    return [values, vectors]


# A (D, r) with A A^T = covariance, from the r largest eigenvalues.
def factor(values: Tensor, vectors: Tensor, rank: int) -> Tensor:
    start = values.size(0) - rank
    kept = torch.slice(values, 0, start)
    return torch.slice(vectors, 1, start) * torch.sqrt(kept)


# tr sqrt(A A^T S) = sum of the roots of the eigenvalues of A^T S A, which is symmetric.
def trace_root(a: Tensor, covariance: Tensor) -> Tensor:
    m = torch.matmul(torch.t(a), torch.matmul(covariance, a))  # (r, r)
    m = (m + torch.t(m)) * 0.5
    return torch.sum(torch.sqrt(torch.clamp_min(torch.linalg_eigvalsh(m, "L"), 0.0)))
