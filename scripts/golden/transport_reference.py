"""willisma/SiT's samplers on its own time axis, where t = 0 is noise and t = 1 is data, linear path.

x_t = t·data + (1 - t)·noise, so the score of a velocity v is (t·v - x) / (1 - t). Written from the formulas of its
`transport/transport.py`, `transport/path.py` and `models.py` (forward_with_cfg); no line comes from there.
"""

import torch


def guided_as_published(network, w, channels):
    """The network that a sampler calls with guidance: [x; x'] with labels [y; none] in and out, 2N rows.

    Only the upper half of the state is looked at. The first `channels` channels of both halves become u + w·(c - u);
    in the others each half keeps its own velocity, so the upper half keeps the conditional one.
    """

    def call(x, t, y):
        upper = x[: len(x) // 2]
        v = network(torch.cat([upper, upper]), t, y)
        c, u = v.chunk(2)
        mixed = (u + w * (c - u))[:, :channels]
        return torch.cat([torch.cat([mixed, c[:, channels:]], 1), torch.cat([mixed, u[:, channels:]], 1)])

    return call


def doubled(network, x, y, w, channels, null):
    """The call, the state and the labels with guidance: everything twice from the start, or nothing if w is 1."""
    if w == 1:
        return network, x, y
    return guided_as_published(network, w, channels), torch.cat([x, x]), torch.cat([y, torch.full_like(y, null)])


def every(x, t):
    return torch.full((len(x),), float(t), dtype=x.dtype)


def score(v, x, t):
    return (t * v - x) / (1 - t)


def ode_euler(call, x, y, steps):
    """Euler's rule on steps + 1 equal points from 0 to 1."""
    grid = torch.linspace(0, 1, steps + 1, dtype=x.dtype)
    for t, after in zip(grid[:-1], grid[1:]):
        x = x + (after - t) * call(x, every(x, t), y)
    return x


def sde(call, x, y, steps, noise, last="Mean", size=0.04):
    """Euler-Maruyama with D = sigma: steps - 1 stochastic steps from 0 to 1 - size, then one without noise.

    Drift and score ask the network each for itself. The last step: Mean follows the drift of the SDE, Euler that of
    the ODE, Tweedie goes to the posterior mean (x + sigma²·score) / alpha.
    """
    grid = torch.linspace(0, 1 - size, steps, dtype=x.dtype)
    dt = grid[1] - grid[0]

    def sde_drift(x, t):
        return call(x, every(x, t), y) + (1 - t) * score(call(x, every(x, t), y), x, t)

    for t, n in zip(grid[:-1], noise):
        x = x + sde_drift(x, t) * dt + (2 * (1 - t)).sqrt() * n * dt.sqrt()
    t = grid[-1]
    if last == "Mean":
        return x + sde_drift(x, t) * size
    if last == "Euler":
        return x + call(x, every(x, t), y) * size
    if last == "Tweedie":
        return (x + (1 - t) ** 2 * score(call(x, every(x, t), y), x, t)) / t
    raise ValueError(last)
