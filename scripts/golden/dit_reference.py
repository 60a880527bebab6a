"""DDPM's chain and DiT on it in PyTorch, derived from the densities: Ho et al. 2020, Nichol and Dhariwal 2021, Song et al. 2020.

The posterior comes from the product of two normal densities, its distance from the model's from torch.distributions. What DiT's
code fixes beyond the papers: bins of 2/255 with the tanh form of the distribution function at step 0, bits, the mean's noise
standing still in the bound, time features in float32 of the integer step, the variance of a guided step being the conditional one.
"""

import math
from typing import List, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from sit_reference import SiT, gather, tokenise, unpatchify

STEPS = 1000


class Chain(NamedTuple):
    steps: List[int]  # in the whole chain
    bars: np.ndarray  # abar at them
    before: np.ndarray  # abar one step earlier, 1 at the first
    betas: np.ndarray  # of this chain

    def posterior_variance(self):
        """1 / (alpha / beta + 1 / (1 - abar before)); the first step has none and takes the second's."""
        with np.errstate(divide="ignore"):
            variance = 1 / ((1 - self.betas) / self.betas + 1 / (1 - self.before))
        variance[0] = variance[1]
        return variance


def chain(steps=None):
    bars = np.cumprod(1 - np.linspace(1e-4, 0.02, STEPS))
    steps = list(range(STEPS)) if steps is None else steps
    kept = bars[steps]
    before = np.concatenate([[1.0], kept[:-1]])
    return Chain(steps, kept, before, 1 - kept / before)


def spaced(count):
    """Equal parts of [0, 999], rounded to even; the stride is added up, not multiplied."""
    at, steps = 0.0, []
    for _ in range(count):
        steps.append(round(at))
        at += (STEPS - 1) / (count - 1)
    return chain(steps)


def strided(count):
    stride = next(i for i in range(1, STEPS) if math.ceil(STEPS / i) == count)
    return chain(list(range(0, STEPS, stride)))


class FloatTime(torch.nn.Module):
    """The time embedding: features of the step in float32, as the code has them, whatever the rest is computed in."""

    def __init__(self, embedder):
        super().__init__()
        self.mlp = embedder.mlp

    def forward(self, n):
        k = torch.arange(128, dtype=torch.float32)
        angles = n.to(torch.float32)[:, None] * torch.exp(-math.log(10000.0) * k / 128)
        return self.mlp(torch.cat([angles.cos(), angles.sin()], 1).to(self.mlp[0].weight.dtype))


class DiT(SiT):
    """SiT's network with a head of 2C channels, all of which are handed out; t is the step."""

    def __init__(self, config):
        super().__init__(config)
        assert config.learn_sigma
        self.t_embedder = FloatTime(self.t_embedder)
        self.final_layer.linear.register_forward_hook(lambda module, inputs, out: setattr(self, "rows", out))

    def forward(self, x, n, y, keep=None):
        out = super().forward(x, n, y, None, keep)
        if out.velocity.dim() == 3:  # tokens that were dropped for good
            return self.rows, out.z
        return unpatchify(self.rows, self.config.patch_size, self.out_channels), out.z


def column(values, n, like):
    return torch.from_numpy(np.asarray(values))[n].view(-1, *[1] * (like.dim() - 1))


def state(x: Tensor, eps: Tensor, n: Tensor) -> Tensor:
    bar = column(chain().bars, n, x)
    return bar.sqrt() * x + (1 - bar).sqrt() * eps


def below(x):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def binned(x, mean, deviation):
    upper, lower = below((x - mean + 1 / 255) / deviation), below((x - mean - 1 / 255) / deviation)
    p = torch.where(x < -0.999, upper, torch.where(x > 0.999, 1 - lower, upper - lower))
    return -torch.log(p.clamp(min=1e-12))


def losses(said, share, x, eps, n):
    """(noise, bound), both (N): mean squared error, and bits per value."""
    whole = chain()
    noised = state(x, eps, n)
    variance = column(whole.posterior_variance(), n, x)
    beta, before, bar = column(whole.betas, n, x), column(whole.before, n, x), column(whole.bars, n, x)

    def mean(clean):  # precisions of x_n given x_{n-1}, and of x_{n-1} given x_0
        backward, forward = (1 - beta).sqrt() / beta, before.sqrt() / (1 - before)
        inner = (forward * clean + backward * noised) * (1 / ((1 - beta) / beta + 1 / (1 - before)))
        return torch.where(before == 1, clean, inner)  # where x_{n-1} is x_0

    guessed = (noised - (1 - bar).sqrt() * said.detach()) / bar.sqrt()
    f = (share + 1) / 2
    deviation = torch.exp(0.5 * (f * beta.log() + (1 - f) * variance.log()))
    apart = kl_divergence(Normal(mean(x), variance.sqrt()), Normal(mean(guessed), deviation)) / math.log(2)
    first = binned(x, mean(guessed), deviation) / math.log(2)
    bound = torch.where((n == 0).view(-1, *[1] * (x.dim() - 1)), first, apart)
    return (said - eps).square().flatten(1).mean(1), bound.flatten(1).mean(1)


def training_loss(model, x, eps, n, y, keep=None, only_kept=False):
    """(noise, bound, projected tokens): means over the batch, over the kept patches if only they count."""
    c, p = model.config.in_channels, model.config.patch_size
    predicted, z = model(state(x, eps, n), n, y, keep)
    if only_kept:
        pixels = predicted.unflatten(2, (p * p, 2 * c))
        said, share = pixels[..., :c].flatten(2), pixels[..., c:].flatten(2)
        x, eps = gather(tokenise(x, p), keep), gather(tokenise(eps, p), keep)
    else:
        said, share = predicted.chunk(2, dim=1)
    noise, bound = losses(said, share, x, eps, n)
    return noise.mean(), bound.mean(), z


def sample(model, x, y, steps: Chain, rule, noise, w=1.0, low=0.0, high=1.0, guided=0, eta=0.0):
    """x at n = 0 from x at the last step; noise[i] of the i-th step, float64."""
    null, variance = model.config.num_classes, steps.posterior_variance()
    for i, k in enumerate(reversed(range(len(steps.steps)))):
        n, bar, before, beta = steps.steps[k], steps.bars[k], steps.before[k], steps.betas[k]
        t = torch.full((len(y),), n)
        said, share = model(x.float().double(), t, y)[0].chunk(2, dim=1)
        if w > 1 and low <= n / STEPS <= high:
            other = model(x.float().double(), t, torch.full_like(y, null))[0].chunk(2, dim=1)[0]
            mixed = other + w * (said - other)
            said = mixed if guided == 0 else torch.cat([mixed[:, :guided], said[:, guided:]], 1)
        clean = (x - math.sqrt(1 - bar) * said) / math.sqrt(bar)
        if rule == "DDPM":
            mean = clean
            if k:
                whole = 1 / ((1 - beta) / beta + 1 / (1 - before))
                mean = whole * (math.sqrt(1 - beta) / beta * x + math.sqrt(before) / (1 - before) * clean)
            f = (share + 1) / 2
            spread = torch.exp(0.5 * (f * math.log(beta) + (1 - f) * math.log(variance[k])))
        else:
            spread = torch.tensor(eta * math.sqrt((1 - before) / (1 - bar)) * math.sqrt(1 - bar / before), dtype=torch.float64)
            mean = math.sqrt(before) * clean + torch.sqrt(1 - before - spread**2) * said
        x = mean + spread * noise[i] if k and (rule == "DDPM" or eta) else mean
    return x
