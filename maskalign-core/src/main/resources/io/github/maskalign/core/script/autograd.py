from torch import Tensor
from typing import List, Optional


# d loss / d parameter for every parameter; zeros where the loss does not depend on one.
# Leaves .grad alone, so nothing has to be cleared afterwards.
def gradients(loss: Tensor, parameters: List[Tensor]) -> List[Tensor]:
    found = torch.autograd.grad([loss], parameters, None, False, False, True)
    out: List[Tensor] = []
    for i in range(len(parameters)):
        g = found[i]
        if g is None:
            out.append(torch.zeros_like(parameters[i]))
        else:
            out.append(g)
    return out


# In array arithmetic a number becomes a tensor in the host program's memory, which the graph would go on reading after
# that memory is freed. Here the number belongs to the graph.
def divide(x: Tensor, by: float) -> Tensor:
    return torch.div(x, by)
