from torch import Tensor
from typing import List, Tuple
from block import linear


def affine(x: Tensor, weight: Tensor, bias: Tensor, scale: float, bf16: bool) -> Tensor:
    # a comment, and the full grammar
    if x.dim() == 2:
        y = linear(x, weight, bias, bf16)
    else:
        y = x @ torch.t(weight) + bias
    return torch.to(y, 6) * scale


def stats(arrays: List[Tensor], power: int) -> Tuple[Tensor, Tensor]:
    total = torch.zeros([])
    for a in arrays:
        total = total + torch.sum(torch.pow(a, power))
    return total, torch.sqrt(total)


def halves(x: Tensor) -> List[Tensor]:
    return torch.chunk(x, 2, -1)


def increment(arrays: List[Tensor], by: List[Tensor]) -> Tensor:
    torch._foreach_add_(arrays, by)
    return torch.zeros([])


def scaled_sum(x: Tensor, arrays: List[Tensor]) -> Tensor:
    total = torch.zeros_like(x)
    for a in arrays:
        total = total + a
    return torch.sum(x * total)
