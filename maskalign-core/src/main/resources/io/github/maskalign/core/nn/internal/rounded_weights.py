# Weights rounded to bfloat16 once for all of their uses, in one piece of memory, as the float32 weights are themselves.
from torch import Tensor
from typing import List


# Elements that an array takes of the common memory: each begins at a multiple of 64 bytes in both types.
def room(elements: int) -> int:
    return (elements + 31) // 32 * 32


# Moves the arrays into common memory, which is returned. They stay the same arrays with the same values.
def lay_out(weights: List[Tensor]) -> Tensor:
    total = 0
    for w in weights:
        total += room(w.numel())
    common = torch.zeros([total], dtype=6, device=weights[0].device)
    start = 0
    for w in weights:
        piece = torch.view(common[start:start + w.numel()], w.size())
        torch.copy_(piece, w)
        torch.set_(w, piece)
        start += room(w.numel())
    return common


# Leaves in bfloat16, one for each weight, that share memory, which comes first.
def leaves(common: Tensor, weights: List[Tensor]) -> List[Tensor]:
    rounded = torch.to(common, 15)
    out = [rounded]
    start = 0
    for w in weights:
        leaf = torch.detach(torch.view(rounded[start:start + w.numel()], w.size()))
        out.append(torch.requires_grad_(leaf, w.requires_grad))
        start += room(w.numel())
    return out


# The leaves follow the weights. Returns a number only because a function has to return something.
def round_again(rounded: Tensor, common: Tensor) -> Tensor:
    torch.copy_(rounded, common)
    return torch.zeros([])


# The gradients in float32: those in bfloat16 are put together, up to about so many elements at a time, and converted at once.
# With 0 each is converted alone.
def in_float32(gradients: List[Tensor], at_once: int) -> List[Tensor]:
    out: List[Tensor] = []
    parts: List[Tensor] = []
    places: List[int] = []
    elements = 0
    for i in range(len(gradients)):
        g = gradients[i]
        out.append(torch.to(g, 6) if at_once == 0 else g)
        if g.dtype == 15 and at_once > 0:
            parts.append(torch.reshape(g, [-1]))
            places.append(i)
            elements += g.numel()
        if len(parts) > 0 and (elements >= at_once or i == len(gradients) - 1):
            together = torch.to(torch.cat(parts, 0), 6)
            start = 0
            for k in places:
                end = start + gradients[k].numel()
                out[k] = torch.view(together[start:end], gradients[k].size())
                start = end
            parts.clear()
            places.clear()
            elements = 0
    return out
