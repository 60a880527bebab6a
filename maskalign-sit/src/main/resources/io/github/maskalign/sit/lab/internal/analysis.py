import torch
from torch import Tensor
from typing import List, Optional


# Length of every row in float64: (N, T, D) to (N, T).
def lengths(x: Tensor) -> Tensor:
    wide = torch.to(torch.detach(x), 7)
    return torch.sqrt(torch.sum(wide * wide, [-1]))


# Length of d loss / d token at every token, the recorded graph kept for the next loss.
def gradient_lengths(loss: Tensor, tokens: Tensor) -> Tensor:
    found = torch.autograd.grad([loss], [tokens], None, True, False, True)
    g = found[0]
    if g is None:
        return torch.zeros(tokens.size(0), tokens.size(1), dtype=7, device=tokens.device)
    return lengths(g)


# Cosine of projected token and target, length of the projected token, and the part of the unit target across the token.
def parts(projected: Tensor, target: Tensor) -> List[Tensor]:
    norm = torch.clamp_min(lengths(projected), 1e-12)
    z = torch.to(torch.detach(projected), 7) / torch.unsqueeze(norm, -1)
    r = torch.to(torch.detach(target), 7)
    r = r / torch.unsqueeze(torch.clamp_min(torch.sqrt(torch.sum(r * r, [-1])), 1e-12), -1)
    cosine = torch.sum(z * r, [-1])
    across = r - torch.unsqueeze(cosine, -1) * z
    return [cosine, norm, across]


def cosines(projected: Tensor, target: Tensor) -> Tensor:
    return parts(projected, target)[0]


# MaskAlign Sec. 4.1 in factors: cosine s, angle = sqrt(1 - s^2), length of the projected token, and gain = |J^T u|, u the
# direction of the loss's gradient at the projected token: each (N, T), float64.
def factors(projected: Tensor, target: Tensor, tokens: Tensor) -> List[Tensor]:
    cosine, norm, across = parts(projected, target)
    angle = lengths(across)
    unit = across / torch.unsqueeze(torch.clamp_min(angle, 1e-12), -1)
    weights: List[Optional[Tensor]] = [torch.to(unit, 6)]
    found = torch.autograd.grad([projected], [tokens], weights, True, False, True)
    g = found[0]
    gain = torch.zeros_like(angle)
    if g is not None:
        gain = lengths(g)
    return [cosine, angle, norm, gain]


# Inner products of the gradients of two losses of one graph, a parameter each row: a.b, a.a, b.b, float64 (P, 3). Of parameters
# that the first does not reach all are 0.
def products(first: Tensor, second: Tensor, parameters: List[Tensor]) -> Tensor:
    a = torch.autograd.grad([first], parameters, None, True, False, True)
    b = torch.autograd.grad([second], parameters, None, False, False, True)
    out = torch.zeros(len(parameters), 3, dtype=7, device=first.device)
    for i in range(len(parameters)):
        x = a[i]
        y = b[i]
        if x is not None:
            out[i, 1] = torch.sum(torch.to(x, 7) * torch.to(x, 7))
            if y is not None:
                out[i, 0] = torch.sum(torch.to(x, 7) * torch.to(y, 7))
                out[i, 2] = torch.sum(torch.to(y, 7) * torch.to(y, 7))
    return out
