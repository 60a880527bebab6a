from torch import Tensor
from typing import List


# Memory of the host that a GPU reads by itself. What was freed of it the engine gives out again, once no copy that was
# begun reads it any more.
def pinned(size: int, dtype: int) -> Tensor:
    return torch.empty([size], dtype=dtype, device=torch.device("cpu"), pin_memory=True)


# Brings a block to the device of `like`, without waiting, and cuts it into arrays. The layout, on the CPU, has for each
# array its first element, how many it has, how many axes, and how long each is.
def unpack(block: Tensor, layout: Tensor, like: Tensor) -> List[Tensor]:
    there = torch.to(block, like.device, block.dtype, True)
    out: List[Tensor] = []
    at = 0
    while at < layout.size(0):
        axes = int(layout[at + 2])
        shape: List[int] = []
        for k in range(axes):
            shape.append(int(layout[at + 3 + k]))
        part = torch.narrow(there, 0, int(layout[at]), int(layout[at + 1]))
        out.append(torch.view(part, shape))
        at = at + 3 + axes
    return out
