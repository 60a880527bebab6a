# The arithmetic of samplers, in float64. Numbers are arguments: in plain array arithmetic each would be an array of its own,
# brought to the device first.
from torch import Tensor


# The time t for each of n samples, on the device of `like`.
def times(like: Tensor, n: int, t: float, dtype: int) -> Tensor:
    return torch.full([n], t, dtype=dtype, device=like.device)  # (N)


# One way further: x + dt v.
def move(x: Tensor, v: Tensor, dt: float) -> Tensor:
    return x + v * dt


# Heun's slope: half of that here, half of that ahead.
def heun(here: Tensor, ahead: Tensor) -> Tensor:
    return here * 0.5 + ahead * 0.5


# The drift of the stochastic way: v - w/2 s.
def drift(v: Tensor, score: Tensor, half: float) -> Tensor:
    return v - score * half


# Noise of a step: x + n sqrt|dt| sqrt w.
def diffuse(x: Tensor, n: Tensor, root_dt: float, root_w: float) -> Tensor:
    return x + n * root_dt * root_w


# v_u + scale (v_c - v_u) of a doubled batch [v_c; v_u]; v_c where the scale is not above 0. With channels k > 0 the first k
# alone are guided.
def guide(doubled: Tensor, scale: float, channels: int) -> Tensor:
    halves = torch.chunk(doubled, 2)
    conditional, unconditional = halves[0], halves[1]
    if scale <= 0.0:
        return conditional
    guided = unconditional + (conditional - unconditional) * scale
    if channels == 0 or channels >= guided.size(1):
        return guided
    return torch.cat([guided[:, :channels], conditional[:, channels:]], 1)  # (N, k, ..) and (N, C - k, ..)
