"""Writes golden/family-terms: the losses of MaskAlign's relatives, each re-derived with PyTorch's own functions."""

import torch
import torch.nn.functional as F

from core_cases import leaf, write_loss
from golden_file import Topic

MODULE = "maskalign-core"
SEED = 20261129


def dispersive(z):
    """Pairs by torch.pdist: each pair twice, and every sample with itself at distance 0."""
    z = z.flatten(1)
    apart = torch.pdist(z).square() / z.shape[1]
    apart = torch.cat((apart, apart, torch.zeros(z.shape[0], dtype=z.dtype)))
    return torch.log(torch.exp(-apart).mean())


def attention_distillation(student, teacher):
    """The cross-entropy with the logarithm of the softmax, as it is usually written down."""
    p = F.softmax(teacher[:, :, 1:, 1:], dim=-1)
    q = F.softmax(student[:, : teacher.shape[1]], dim=-1)
    return (-(p * torch.log(q)).sum(-1)).mean()


def spatial_norm(z, gamma):
    mean = z.mean(dim=1, keepdim=True)
    spread = ((z - mean).square().sum(dim=1, keepdim=True) / (z.shape[1] - 1)).sqrt()
    return (z - gamma * mean) / (spread + 1e-6)


def main():
    topic = Topic(MODULE, "family-terms", "family_terms_cases.py", SEED, {"value": 1e-5, "grads": 1e-4}, [
        "Values and gradients in float64. grads/k is d value / d inputs/k, relative per tensor.",
        "layer-sync: -mean cos(tokens, later), later a constant. dispersive: log mean exp(-|zi - zj|^2 / size).",
        "contrastive: mean (predicted - target of the sample before)^2. attention: student (N, h, T, T) and teacher",
        "(N, H, 1+T, 1+T) logits. spatial-norm: value = sum(weight * normalised target).",
        "conv-projector: value = sum(weight * conv2d of the grid), tokens (N, T, D) in row-major order.",
    ])
    n, t, d = 4, 9, 6
    draws = topic.draws("layer-sync")
    later = draws.normal("later", (n, t, d))
    tokens = leaf(draws.normal("tokens", (n, t, d)) + later / 2)
    value = -F.cosine_similarity(tokens, later.double(), dim=-1).mean()
    write_loss(topic, "layer-sync", value, {"tokens": tokens}, {"later": later}, {}, "the later tokens stand still")

    draws = topic.draws("dispersive")
    for name, samples, size in (("dispersive", n, 0.7), ("dispersive-far", 5, 4.0), ("dispersive-one", 1, 1.0)):
        tokens = leaf(draws.normal(name, (samples, t, d), size))
        write_loss(topic, name, dispersive(tokens), {"tokens": tokens}, {}, {}, f"{samples} samples of spread {size}")

    draws = topic.draws("contrastive")
    target = draws.normal("target", (n, 2, 4, 4))
    predicted = leaf(draws.normal("predicted", (n, 2, 4, 4)))
    before = torch.cat((target[-1:], target[:-1])).double()
    write_loss(topic, "contrastive", (predicted - before).square().mean(), {"predicted": predicted},
               {"target": target}, {}, "each sample against the one before it, the first against the last")

    draws = topic.draws("attention")
    for name, heads, of_teacher in (("attention", 3, 3), ("attention-more-heads", 4, 2)):
        student = leaf(draws.normal(f"{name}-student", (n, heads, t, t), 2.0))
        teacher = draws.normal(f"{name}-teacher", (n, of_teacher, 1 + t, 1 + t), 2.0)
        write_loss(topic, name, attention_distillation(student, teacher.double()), {"student": student},
                   {"teacher": teacher}, {}, f"{heads} heads follow {of_teacher}")

    draws = topic.draws("spatial-norm")
    z = draws.normal("target", (n, t, d), 3.0, 1.0)
    weight = draws.normal("weight", (n, t, d))
    for gamma in (1.0, 0.6):
        normal = leaf(z)
        value = (spatial_norm(normal, gamma) * weight.double()).sum()
        write_loss(topic, f"spatial-norm-{gamma}", value, {"target": normal}, {"weight": weight}, {"gamma": gamma},
                   "mean over the picture times gamma taken away, unbiased spread")

    draws = topic.draws("conv-projector")
    for kernel in (3, 1):
        conv = torch.nn.Conv2d(d, 5, kernel, padding=kernel // 2, dtype=torch.float64)
        with torch.no_grad():
            conv.weight.copy_(draws.normal(f"weight-{kernel}", conv.weight.shape))
            conv.bias.copy_(draws.normal(f"bias-{kernel}", conv.bias.shape))
        tokens = leaf(draws.normal("tokens", (n, t, d)))
        out = conv(tokens.transpose(1, 2).reshape(n, d, 3, 3)).flatten(2).transpose(1, 2)  # (N, T, 5)
        pull = draws.normal("pull", (n, t, 5))
        write_loss(topic, f"conv-projector-{kernel}", (out * pull.double()).sum(),
                   {"tokens": tokens, "weight": conv.weight, "bias": conv.bias}, {"pull": pull}, {"kernel": kernel},
                   "one convolution over the grid of tokens, padded with zeros")
    topic.close()


if __name__ == "__main__":
    main()
