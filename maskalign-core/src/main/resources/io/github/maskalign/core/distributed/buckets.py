from torch import Tensor
from typing import List


# All elements of some arrays, one array after the other, in new memory.
def flatten(parts: List[Tensor]) -> Tensor:
    rows: List[Tensor] = []
    for part in parts:
        rows.append(torch.reshape(part, [-1]))
    return torch.cat(rows, 0)


# The arrays again, as views of the flat memory.
def restore(flat: Tensor, like: List[Tensor]) -> List[Tensor]:
    out: List[Tensor] = []
    start = 0
    for part in like:
        end = start + part.numel()
        out.append(torch.view(flat[start:end], part.size()))
        start = end
    return out
