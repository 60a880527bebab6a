# DDPM's chain of 1,000 steps, as DiT trains on it: beta from 1e-4 to 0.02 in equal parts, abar the product of 1 - beta so far.
# Time t = n / 1000 on our axis names step n = 0..999. N samples of any further shape; 4 is int64, 6 float32, 7 float64.
from torch import Tensor
from typing import List


# The step that a time names, (N) int64; a time between two steps is the nearer one's.
def step_index(t: Tensor) -> Tensor:
    return torch.clamp(torch.to(torch.round(t * 1000), 4), 0, 999)


# The same as the network's time embedding takes it: 0..999, (N) float32.
def steps(t: Tensor) -> Tensor:
    return torch.to(step_index(t), 6)


def betas(t: Tensor) -> Tensor:
    return torch.linspace(0.0001, 0.02, 1000, dtype=7, device=t.device)  # (1000)


def alpha_bars(t: Tensor) -> Tensor:
    return torch.cumprod(1 - betas(t), 0)  # (1000)


# Entry n of a table for each sample, float32, (N, 1, ...) to scale samples of as many axes as `like`.
def at(table: Tensor, n: Tensor, like: Tensor) -> Tensor:
    return torch.to(torch.index_select(table, 0, n), 6).reshape([n.size(0)] + [1] * (like.dim() - 1))


# The state on the way: sqrt(abar) x + sqrt(1 - abar) eps.
def state(x: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    n = step_index(t)
    bars = alpha_bars(t)
    return x * at(torch.sqrt(bars), n, x) + eps * at(torch.sqrt(1 - bars), n, x)


# One half of a network's 2C channels: noise first, then the variance's share. Pictures (N, 2C, H, W), or kept patches
# (N, K, 2 p²C), channel fastest.
def half(predicted: Tensor, channels: int, second: bool) -> Tensor:
    first = channels if second else 0
    if predicted.dim() == 4:
        return predicted[:, first:first + channels]  # (N, C, H, W)
    parts = predicted.reshape([predicted.size(0), predicted.size(1), -1, 2 * channels])
    return torch.flatten(parts[:, :, :, first:first + channels], 2)  # (N, K, p²C)


# The normal distribution function as ADM's code has it, a tanh that is off by 3e-4 at most.
def normal_below(x: Tensor) -> Tensor:
    return (torch.tanh((x + torch.pow(x, 3) * 0.044715) * 0.7978845608028654) + 1) * 0.5


# Minus log probability of x in bins of 2/255 over [-1, 1], under a normal distribution whose mean lies `off` below x. In float64,
# as the tails are differences of numbers near 1.
def binned(x: Tensor, off: Tensor, log_variance: Tensor) -> Tensor:
    off = torch.to(off, 7)
    scale = torch.exp(torch.to(log_variance, 7) * -0.5)
    above = normal_below((off + 1.0 / 255) * scale)
    below = normal_below((off - 1.0 / 255) * scale)
    inside = torch.log(torch.clamp_min(above - below, 1e-12))
    left = torch.log(torch.clamp_min(above, 1e-12))
    right = torch.log(torch.clamp_min(1 - below, 1e-12))
    return torch.to(torch.neg(torch.where(x < -0.999, left, torch.where(x > 0.999, right, inside))), 6)


# [squared error of the noise, variational bound in bits], each averaged over all but the samples: (N). The bound teaches the
# variance alone: the noise in it stands still. eps and x are the noise and the clean samples, cut as the prediction is.
def losses(predicted: Tensor, x: Tensor, eps: Tensor, t: Tensor, channels: int) -> List[Tensor]:
    predicted = torch.to(predicted, 6)
    said = half(predicted, channels, False)
    share = (half(predicted, channels, True) + 1) * 0.5
    n = step_index(t)
    beta = betas(t)
    bars = alpha_bars(t)
    before = torch.cat([torch.ones_like(bars[0:1]), bars[0:999]], 0)
    posterior = beta * (1 - before) / (1 - bars)
    log_least = torch.log(torch.cat([posterior[1:2], posterior[1:]], 0))  # step 0 has none of its own
    least = at(log_least, n, x)
    log_variance = share * at(torch.log(beta), n, x) + (1 - share) * least
    # true mean minus predicted mean: both have the same share of the state, so the clean samples alone differ, and these by
    # sqrt(1 / abar - 1) times the error of the noise
    scale = beta * torch.sqrt(before) / (1 - bars) * torch.sqrt(1 / bars - 1)
    off = (torch.detach(said) - eps) * at(scale, n, x)
    apart = torch.pow(off, 2) * torch.exp(torch.neg(log_variance))
    divergence = (log_variance - least + torch.exp(least - log_variance) + apart - 1) * 0.5
    bits = torch.mean(torch.flatten(divergence, 1), 1) * 1.4426950408889634
    first = torch.mean(torch.flatten(binned(x, off, log_variance), 1), 1) * 1.4426950408889634
    return [
        torch.mean(torch.flatten(torch.pow(said - eps, 2), 1), 1),  # (N)
        torch.where(n == 0, first, bits),  # (N)
    ]


# Min-SNR: each sample's loss (N) times min(snr, cap) / snr of its step, snr = abar / (1 - abar).
def min_snr(loss: Tensor, t: Tensor, cap: float) -> Tensor:
    bars = alpha_bars(t)
    snr = torch.index_select(bars / (1 - bars), 0, step_index(t))
    return loss * torch.to(torch.clamp_max(snr, cap) / snr, 6)
