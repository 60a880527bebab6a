from torch import Tensor


# (x y^T / D + 1)^3 for all pairs of rows.
def kernel(x: Tensor, y: Tensor) -> Tensor:
    k = torch.matmul(x, torch.t(y)) / x.size(1) + 1.0
    return k * k * k


# The mean over pairs of different rows.
def mean_of_pairs(k: Tensor) -> Tensor:
    n = k.size(0)
    return (torch.sum(k) - torch.sum(torch.diagonal(k, 0, 0, 1))) / (n * (n - 1))


# Unbiased estimate of the squared maximum mean discrepancy, in float64.
def squared_discrepancy(x: Tensor, y: Tensor) -> Tensor:
    x = torch.to(x, 7)
    y = torch.to(y, 7)
    return mean_of_pairs(kernel(x, x)) + mean_of_pairs(kernel(y, y)) - torch.mean(kernel(x, y)) * 2.0
