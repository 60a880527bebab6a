from torch import Tensor


# How many of the rows hold a number that is not finite, and the first of them (or the number of rows).
def broken_rows(rows: Tensor) -> Tensor:
    bad = torch.logical_not(torch.all(torch.isfinite(rows), 1))  # (N)
    first = torch.argmax(torch.to(bad, 3), 0)
    return torch.stack([torch.sum(bad), first], 0)


# Writes every step-th row from start on into buffer, from row at on.
def store(buffer: Tensor, rows: Tensor, at: int, start: int, step: int) -> Tensor:
    taken = torch.slice(rows, 0, start, None, step)
    return torch.copy_(torch.narrow(buffer, 0, at, taken.size(0)), taken)


# The first n rows of buffer join a mean (D) and a scatter matrix sum (x - mean)(x - mean)^T (D, D), all in float64 and in
# place: a batch is centred by its own mean, so nothing cancels.
def add_rows(mean: Tensor, scatter: Tensor, buffer: Tensor, n: int, seen: int) -> Tensor:
    x = torch.to(torch.narrow(buffer, 0, 0, n), 7)  # (n, D)
    batch_mean = torch.mean(x, [0])
    centred = x - batch_mean
    torch.addmm_(scatter, torch.t(centred), centred)
    return join(mean, scatter, batch_mean, float(n), float(seen))


# The same for a second mean and scatter.
def add_statistics(mean: Tensor, scatter: Tensor, other_mean: Tensor, other_scatter: Tensor, n: int, seen: int) -> Tensor:
    torch.add_(scatter, other_scatter)
    return join(mean, scatter, other_mean, float(n), float(seen))


# Moves the mean, and adds what two means apart from each other scatter.
def join(mean: Tensor, scatter: Tensor, other: Tensor, n: float, seen: float) -> Tensor:
    delta = other - mean
    torch.addr_(scatter, delta, delta, beta=1, alpha=seen * n / (seen + n))
    return torch.add_(mean, delta, alpha=n / (seen + n))
