"""Euler, Heun and Euler-Maruyama from noise (t = 1) to data (t = 0), float64, for images and class tokens.

A state is a list of tensors: [x] or [x, g]. A field maps (state, t, y) to velocities of the same shapes.
"""

from typing import NamedTuple

import torch

from losses_reference import score


class Guidance(NamedTuple):
    """u + w·(c - u) while w > 1 and low <= t <= high; the class token has its own scale, 0 for none.

    With `channels` > 0 only the first so many channels of the image are guided, and the others stay conditional.
    """

    w: float = 1.0
    low: float = 0.0
    high: float = 1.0
    w_cls: float = 0.0
    null_class: int = 10
    channels: int = 0

    def active(self, t):
        return self.w > 1 and self.low <= t <= self.high

    def mix(self, conditional, unconditional):
        scales = [self.w, self.w_cls if self.w_cls > 0 else 1.0]  # 1 leaves the conditional drift
        mixed = [u + w * (c - u) if w != 1 else c for w, c, u in zip(scales, conditional, unconditional)]
        if self.channels:
            mixed[0] = mixed[0].clone()
            mixed[0][:, self.channels :] = conditional[0][:, self.channels :]
        return mixed


class Trajectory(NamedTuple):
    grid: torch.Tensor  # (S+1)
    states: list  # S+1 states
    guided: list  # per step
    nfe: int  # calls of the network; a guided call is one call of twice the batch


def drift(field, state, t, y, guidance, on, of_velocity):
    """The guided drift; `of_velocity` turns a velocity and its state into a drift."""
    def one(labels):
        return [of_velocity(v, x, t) for v, x in zip(field(state, t, labels), state)]

    if not on:
        return one(y)
    return guidance.mix(one(y), one(torch.full_like(y, guidance.null_class)))


def ode(field, state, y, steps, guidance=Guidance(), heun=False):
    grid = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
    states, guided, nfe = [state], [], 0

    def plain(v, x, t):
        return v

    for i, (t, after) in enumerate(zip(grid[:-1], grid[1:])):
        on, h = guidance.active(t), after - t
        v = drift(field, state, t, y, guidance, on, plain)
        nxt = [x + h * d for x, d in zip(state, v)]
        nfe += 1
        if heun and i < steps - 1:
            w = drift(field, nxt, after, y, guidance, on, plain)  # guided as the first half was
            nxt = [x + h * (0.5 * d + 0.5 * e) for x, d, e in zip(state, v, w)]
            nfe += 1
        state = nxt
        states.append(state)
        guided.append(bool(on))
    return Trajectory(grid, states, guided, nfe)


def euler_maruyama(field, state, y, steps, noise, path, guidance=Guidance()):
    """noise: per stochastic step (steps - 1 of them) a list like the state."""
    grid = torch.cat([torch.linspace(1, 0.04, steps, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    states, guided = [state], []

    def of_velocity(v, x, t):
        w = 2 * t
        return v - 0.5 * w * score(path, v, x, t.expand(len(x)))

    for i, (t, after) in enumerate(zip(grid[:-1], grid[1:])):
        on, h = guidance.active(t), after - t
        d = drift(field, state, t, y, guidance, on, of_velocity)
        nxt = [x + h * e for x, e in zip(state, d)]
        if i < steps - 1:
            nxt = [x + (2 * t).sqrt() * n * h.abs().sqrt() for x, n in zip(nxt, noise[i])]
        state = nxt
        states.append(state)
        guided.append(bool(on))
    return Trajectory(grid, states, guided, steps)
