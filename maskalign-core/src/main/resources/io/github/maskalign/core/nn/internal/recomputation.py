from torch import Tensor
from typing import List, Optional


# The same values with no past: a leaf that gradients are asked for.
def leaf(x: Tensor) -> Tensor:
    return torch.requires_grad_(torch.detach(x), True)


# d (seed . root) / d w for every wanted w; an empty tensor where the root does not depend on one.
def vector_jacobian(root: Tensor, seed: Tensor, wanted: List[Tensor]) -> List[Tensor]:
    seeds: List[Optional[Tensor]] = [seed]
    out: List[Tensor] = []
    if root.requires_grad:
        for g in torch.autograd.grad([root], wanted, seeds, False, False, True):
            if g is None:
                out.append(torch.zeros([0]))
            else:
                out.append(g)
    else:
        for w in wanted:
            out.append(torch.zeros([0]))
    return out


def sum_of_two(a: Tensor, b: Tensor) -> Tensor:
    return torch.add(a, b)
