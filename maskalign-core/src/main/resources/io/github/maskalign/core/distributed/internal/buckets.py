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


# The arrays themselves where they can be overwritten, else copies: the gradients of two weights may be one array, and
# one may be a view whose elements do not follow each other.
def separate(parts: List[Tensor]) -> List[Tensor]:
    out: List[Tensor] = []
    for i in range(len(parts)):
        part = parts[i]
        usable = part.is_contiguous()
        for j in range(i):
            if usable and part.numel() == parts[j].numel():
                usable = not part.is_set_to(parts[j])
        if usable:
            out.append(part)
        else:
            out.append(torch.clone(part, memory_format=0))
    return out
