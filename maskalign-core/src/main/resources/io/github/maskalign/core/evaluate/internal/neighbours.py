from torch import Tensor
from typing import List


# ||u||^2 of each row.
def squared_norms(u: Tensor) -> Tensor:
    return torch.sum(u * u, [1])


# ||u||^2 - 2 u v^T + ||v||^2, at least 0, for all pairs of rows (N, D) and (M, D): (N, M).
def squared_distances(u: Tensor, v: Tensor, uu: Tensor, vv: Tensor) -> Tensor:
    d = torch.addmm(torch.unsqueeze(uu, 1), u, torch.t(v), beta=1, alpha=-2)
    return torch.clamp_min_(torch.add_(d, vv), 0.0)


# The count smallest of each row, ascending.
def smallest(d: Tensor, count: int) -> Tensor:
    return torch.topk(d, min(count, d.size(1)), 1, False, True)[0]


# Joins the smallest so far (N, c) with those of new distances (N, M).
def join_smallest(best: Tensor, d: Tensor, count: int) -> Tensor:
    return smallest(torch.cat([best, smallest(d, count)], 1), count)


# The smallest distances of rows of one block to rows of another, joined with what each block has already. Both ways from
# one product, as d(u, v) = d(v, u).
def join_both(
    u: Tensor, v: Tensor, uu: Tensor, vv: Tensor, best_u: Tensor, best_v: Tensor, count: int
) -> List[Tensor]:
    d = squared_distances(u, v, uu, vv)
    return [join_smallest(best_u, d, count), join_smallest(best_v, torch.t(d).contiguous(), count)]


# The smallest distances of rows of a block to rows of the same block, themselves included.
def within(u: Tensor, uu: Tensor, count: int) -> Tensor:
    return smallest(squared_distances(u, u, uu, uu), count)


# Which u lie within the radius of some v, and which v have some u within the other's radius: or-ed to what is known.
def covered(
    u: Tensor, v: Tensor, uu: Tensor, vv: Tensor, radius_u: Tensor, radius_v: Tensor, in_v: Tensor, in_u: Tensor
) -> Tensor:
    d = squared_distances(u, v, uu, vv)
    torch.logical_or_(in_v, torch.any(torch.le(d, radius_v), 1))
    return torch.logical_or_(in_u, torch.any(torch.le(d, torch.unsqueeze(radius_u, 1)), 0))
