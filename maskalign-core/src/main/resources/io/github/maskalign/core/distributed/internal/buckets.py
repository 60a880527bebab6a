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


# The first arrays of a list themselves where they can be overwritten while the others are still read, else copies: of
# those that share memory with one of the others, or with each other, or do not lie in one piece.
def apart(arrays: List[Tensor], first: int) -> List[Tensor]:
    taken: List[Tensor] = []
    for other in arrays[first:]:
        taken.append(torch.as_strided(other, [1], [1], 0))
    out: List[Tensor] = []
    for part in arrays[:first]:
        start = torch.as_strided(part, [1], [1], 0)
        usable = part.is_contiguous()
        for other in taken:
            if usable:
                usable = not start.is_set_to(other)
        taken.append(start)
        if usable:
            out.append(part)
        else:
            out.append(torch.clone(part, memory_format=0))
    return out
