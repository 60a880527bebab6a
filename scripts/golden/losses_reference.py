"""Interpolants, targets and losses of the family, REPA's time axis (t = 0 data, t = 1 noise).

Letters as in sit_reference.py.
"""

import math
from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from sit_reference import gather, tokenise, with_class_token


class Coefficients(NamedTuple):
    alpha: Tensor
    sigma: Tensor
    alpha_dot: Tensor
    sigma_dot: Tensor


def linear(t: Tensor) -> Coefficients:
    return Coefficients(1 - t, t, -torch.ones_like(t), torch.ones_like(t))


def cosine(t: Tensor) -> Coefficients:
    half_pi = math.pi / 2
    cos, sin = torch.cos(half_pi * t), torch.sin(half_pi * t)
    return Coefficients(cos, sin, -half_pi * sin, half_pi * cos)


def along(t: Tensor, like: Tensor) -> Tensor:
    """(N) -> (N, 1, ..) so that it broadcasts against `like`."""
    return t.view(-1, *[1] * (like.dim() - 1))


def noised(path, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """x_t = alpha·x + sigma·noise."""
    p = path(along(t, clean))
    return p.alpha * clean + p.sigma * noise


def velocity_target(path, clean: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """alpha'·x + sigma'·noise."""
    p = path(along(t, clean))
    return p.alpha_dot * clean + p.sigma_dot * noise


def score(path, v: Tensor, x: Tensor, t: Tensor) -> Tensor:
    """((alpha/alpha')·v - x) / (sigma² - (alpha/alpha')·sigma'·sigma)."""
    p = path(along(t, x))
    ratio = p.alpha / p.alpha_dot
    return (ratio * v - x) / (p.sigma**2 - ratio * p.sigma_dot * p.sigma)


def velocity_loss(predicted: Tensor, target: Tensor, p: int, keep: Optional[Tensor] = None) -> Tensor:
    """Mean squared error per sample, (N); of the kept patches when predicted is token-space (N, K, p²·C)."""
    if predicted.dim() == 3:
        target = tokenise(target, p)  # (N, G², p²·C)
        target = target if keep is None else gather(target, keep)  # (N, K, p²·C)
    return (predicted - target).square().flatten(1).mean(1)


def alignment_loss(projected: Tensor, target: Tensor) -> Tensor:
    """-mean cosine over samples and tokens; norms clamped from below at 1e-12. Both (N, T, Z)."""
    return -(F.normalize(projected, dim=-1) * F.normalize(target, dim=-1)).sum(-1).mean()


def subset_alignment_loss(projected: Tensor, target: Tensor, keep: Optional[Tensor]) -> Tensor:
    """Alignment over {class token} ∪ kept patches; target (N, 1+T, Z), class token first.

    `projected` either covers exactly that set, (N, 1+K, Z), or all tokens, (N, 1+T, Z).
    """
    if keep is None:
        return alignment_loss(projected, target)
    index = with_class_token(keep)
    if projected.shape[1] == target.shape[1]:
        projected = gather(projected, index)
    return alignment_loss(projected, gather(target, index))


class Losses(NamedTuple):
    total: Tensor
    velocity: Tensor
    cls: Tensor
    align: Tensor


def training_loss(model, clean, noise, t, y, targets, keep, cls_noise=None, beta=0.03, coeff=0.5,
                  config=None, path=linear) -> Losses:
    """One step's loss: velocity + beta·class + coeff·align.

    clean, noise (N, C, H, W); targets: per encoder (N, 1+T, Z) clean tokens, class token in row 0; keep (N, K) or
    None. Without cls_noise the model has no class token and row 0 of the targets is unused. `config` is the model's
    own unless given.
    """
    config, g = config or model.config, None
    if cls_noise is not None:
        g = noised(path, targets[0][:, 0], cls_noise, t)  # (N, Z)
    out = model(noised(path, clean, noise, t), t, y, g, keep)
    velocity = velocity_loss(out.velocity, velocity_target(path, clean, noise, t), config.patch_size, keep).mean()
    cls = align = torch.zeros_like(velocity)
    if g is not None:
        cls = (out.cls - velocity_target(path, targets[0][:, 0], cls_noise, t)).square().mean()
    for z, target in zip(out.z, targets):  # (N, T, Z) each
        target = target if g is not None else target[:, 1:]
        if keep is not None and aligns_subset(config):
            index = keep if g is None else with_class_token(keep)
            target = gather(target, index)  # (N, [1+]K, Z)
            z = gather(z, index) if config.placement == "LOSS_ONLY" else z
        align = align + alignment_loss(z, target) / len(out.z)
    return Losses(velocity + beta * cls + coeff * align, velocity, cls, align)


def aligns_subset(config) -> bool:
    """Whether the alignment loss covers the kept tokens only: not for a tap outside the route."""
    if config.placement == "ROUTE":
        return config.route_start + 1 <= config.encoder_depth <= config.route_end + 1
    return config.placement != "NONE"
