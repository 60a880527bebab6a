from torch import Tensor


# Rows divided by their norm, the norm clamped from below so that a zero row stays zero.
def unit(x: Tensor) -> Tensor:
    x = torch.to(x, 6)
    norm = torch.linalg_vector_norm(x, 2, [-1], True)
    return x / torch.clamp_min(norm, 1e-12)


# Minus the mean cosine of all tokens of all samples.
def alignment_loss(projected: Tensor, target: Tensor) -> Tensor:
    return -torch.mean(torch.sum(unit(projected) * unit(target), -1))
