# What a model of the family is trained on: the path between data and noise, and every term of the loss.
# N samples of any further shape, times t (N) in [0, 1]; t = 0 is data. 6 is float32.
from torch import Tensor
from typing import Tuple


# alpha, sigma and their derivatives at t, each (N, 1, ...) to scale samples of as many axes as `like`.
# Linear: 1 - t and t. Cosine, which SiT calls GVP: cos(pi t / 2) and sin(pi t / 2).
def path(t: Tensor, like: Tensor, cosine: bool) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    t = t.reshape([t.size(0)] + [1] * (like.dim() - 1))
    if cosine:
        alpha, sigma = torch.cos(t * 1.5707963267948966), torch.sin(t * 1.5707963267948966)
        return alpha, sigma, sigma * -1.5707963267948966, alpha * 1.5707963267948966
    one = torch.ones_like(t)
    return torch.neg(t - 1), t, torch.neg(one), one


# The state on the way: alpha x + sigma eps.
def interpolate(x: Tensor, eps: Tensor, t: Tensor, cosine: bool) -> Tensor:
    alpha, sigma, alpha_prime, sigma_prime = path(t, x, cosine)
    return x * alpha + eps * sigma


# What the network learns: alpha' x + sigma' eps, for the linear path eps - x.
def velocity_target(x: Tensor, eps: Tensor, t: Tensor, cosine: bool) -> Tensor:
    alpha, sigma, alpha_prime, sigma_prime = path(t, x, cosine)
    return x * alpha_prime + eps * sigma_prime


# The clean sample a velocity points back to: (sigma' x - sigma v) / delta, for the linear path x - t v.
def clean(velocity: Tensor, state: Tensor, t: Tensor, cosine: bool) -> Tensor:
    alpha, sigma, alpha_prime, sigma_prime = path(t, state, cosine)
    delta = alpha * sigma_prime - alpha_prime * sigma
    return velocity * torch.neg(sigma / delta) + state * (sigma_prime / delta)


# The noise a velocity points to: (alpha v - alpha' x) / delta, for the linear path x + (1 - t) v.
def noise(velocity: Tensor, state: Tensor, t: Tensor, cosine: bool) -> Tensor:
    alpha, sigma, alpha_prime, sigma_prime = path(t, state, cosine)
    delta = alpha * sigma_prime - alpha_prime * sigma
    return velocity * (alpha / delta) - state * (alpha_prime / delta)


# The score that belongs to a velocity: -eps / sigma, infinite at t = 0.
def score(velocity: Tensor, state: Tensor, t: Tensor, cosine: bool) -> Tensor:
    alpha, sigma, alpha_prime, sigma_prime = path(t, state, cosine)
    return torch.neg(noise(velocity, state, t, cosine) / sigma)


# Squared error of the velocity, averaged over everything but the samples: (N).
def velocity_loss(predicted: Tensor, target: Tensor) -> Tensor:
    return torch.mean(torch.flatten(torch.pow(torch.to(predicted, 6) - target, 2), 1), 1)


# And averaged over the samples too.
def mean_velocity_loss(predicted: Tensor, target: Tensor) -> Tensor:
    return torch.mean(velocity_loss(predicted, target))


# The class token (N, Z) of an encoder's tokens (N, 1+T, Z), and the patches (N, T, Z) behind it.
def class_row(tokens: Tensor) -> Tensor:
    return torch.select(tokens, 1, 0)


def patch_rows(tokens: Tensor) -> Tensor:
    return tokens[:, 1:]


# Rows divided by their norm, the norm clamped from below so that a zero row stays zero.
def unit(x: Tensor) -> Tensor:
    x = torch.to(x, 6)
    return x / torch.clamp_min(torch.linalg_vector_norm(x, 2, [-1], True), 1e-12)


# Minus the mean cosine of all tokens of all samples (REPA, eq. 8).
def alignment_loss(projected: Tensor, target: Tensor) -> Tensor:
    return -torch.mean(torch.sum(unit(projected) * unit(target), -1))


# iREPA: the target without its mean over the picture, each channel at unit spread (unbiased, as torch.std).
def spatial_norm(z: Tensor, gamma: float) -> Tensor:
    return (z - torch.mean(z, [1], True) * gamma) / (torch.std(z, [1], True, True) + 1e-6)  # (N, T, Z)


# LayerSync: earlier hidden tokens follow later ones, which stand still.
def layer_sync(tokens: Tensor, later: Tensor) -> Tensor:
    return alignment_loss(tokens, torch.detach(later))


# Dispersive loss: log of the mean of exp(-|z_i - z_j|^2 / size) over all pairs of samples, a sample with itself too.
def dispersive(tokens: Tensor) -> Tensor:
    z = torch.flatten(torch.to(tokens, 6), 1)  # (N, T D)
    squares = torch.sum(z * z, [1])
    apart = torch.unsqueeze(squares, 1) + torch.unsqueeze(squares, 0) - torch.matmul(z, torch.t(z)) * 2
    others = 1 - torch.eye(z.size(0), dtype=6, device=z.device)  # nothing is apart from itself
    apart = torch.clamp_min(apart, 0.0) * others / z.size(1)  # (N, N)
    return torch.log(torch.mean(torch.exp(torch.neg(apart))))


# Contrastive flow matching: how far a velocity is from that of the sample before it in the batch.
def contrastive_flow(predicted: Tensor, target: Tensor) -> Tensor:
    return torch.mean(torch.pow(torch.to(predicted, 6) - torch.roll(target, [1], [0]), 2))


# HASTE: cross-entropy of the student's attention with the teacher's, whose class row and column are left out.
# student (N, h, T, T) and teacher (N, H, 1+T, 1+T), H <= h, before the softmax; head i follows head i.
def attention_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    p = torch.softmax(torch.to(teacher, 6)[:, :, 1:, 1:], -1)
    log_q = torch.log_softmax(torch.to(student, 6)[:, : teacher.size(1)], -1)
    return -torch.mean(torch.sum(p * log_q, -1))


# SRA: hidden tokens (N, T, D) follow those of the average, which stand still. In the code of the authors the cosine lacks
# its axis and so runs over the tokens, one for each channel, instead of over the channels.
def self_alignment(tokens: Tensor, teacher: Tensor, over_tokens: bool) -> Tensor:
    teacher = torch.detach(teacher)
    if over_tokens:
        tokens, teacher = torch.transpose(tokens, 1, 2), torch.transpose(teacher, 1, 2)  # (N, D, T)
    return alignment_loss(tokens, teacher) + 1


# MaskDiT: predicted clean patches (N, T, P) against the noised ones, each without its mean and at unit spread (unbiased
# variance + 1e-6, as MAE), over the patches that are not kept; keep (N, K), K < T.
def masked_patches(predicted: Tensor, noised: Tensor, keep: Tensor) -> Tensor:
    spread = torch.sqrt(torch.var(noised, [2], True, True) + 1e-6)
    goal = (noised - torch.mean(noised, [2], True)) / spread  # (N, T, P)
    errors = torch.mean(torch.pow(torch.to(predicted, 6) - goal, 2), [2])  # (N, T)
    masked = torch.scatter(torch.ones_like(errors), 1, keep, torch.zeros_like(keep, dtype=6))
    return torch.mean(torch.sum(errors * masked, [1]) / torch.sum(masked, [1]))


# total + weight * part, in the type of the total: in plain array arithmetic a 0-d float32 times a Java number
# would become float64.
def add_weighted(total: Tensor, part: Tensor, weight: float) -> Tensor:
    return torch.add(total, part, alpha=weight)
