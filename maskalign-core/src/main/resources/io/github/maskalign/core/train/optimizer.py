from torch import Tensor
from typing import List


# Norm of the norms of the single tensors, as torch.nn.utils.clip_grad_norm_ computes it.
def global_norm(arrays: List[Tensor]) -> Tensor:
    return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(arrays, 2), 0), 2)


# min(1, max_norm / (norm + 1e-6)); PyTorch divides a number by a tensor through the reciprocal.
def clip_coefficient(norm: Tensor, max_norm: float) -> Tensor:
    return torch.clamp(torch.mul(torch.reciprocal(torch.add(norm, 1e-6)), max_norm), None, 1.0)


# What is read of a step before it changes anything: [norm before clipping, factor of the clipping, losses...] in float64.
# The factor, 0-d, comes a second time, for use where it is.
def measures(gradients: List[Tensor], losses: List[Tensor], max_norm: float) -> List[Tensor]:
    norm = global_norm(gradients)
    coefficient = clip_coefficient(norm, max_norm)
    read = [norm, coefficient]
    for loss in losses:
        read.append(torch.detach(loss))
    return [torch.to(torch.stack(read, 0), 7), coefficient]


# Gradients times the factor of their clipping, in new memory.
def scaled(gradients: List[Tensor], coefficient: Tensor) -> List[Tensor]:
    return torch._foreach_mul(gradients, coefficient)


# One AdamW update in torch.optim's order of operations; `update` counts from 1. Every list that is changed in
# place is an argument, or is used again by the caller: otherwise it would be removed with its update.
def adamw(
    trained: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor], gradients: List[Tensor],
    lr: float, update: int, beta1: float, beta2: float, eps: float
) -> None:
    torch._foreach_lerp_(exp_avg, gradients, 1 - beta1)
    torch._foreach_mul_(exp_avg_sq, beta2)
    torch._foreach_addcmul_(exp_avg_sq, gradients, gradients, 1 - beta2)
    bias_correction1 = 1 - beta1 ** float(update)
    bias_correction2_sqrt = torch.sqrt(1 - beta2 ** float(update))
    denominator = torch._foreach_sqrt(exp_avg_sq)
    torch._foreach_div_(denominator, bias_correction2_sqrt)
    torch._foreach_add_(denominator, eps)
    torch._foreach_addcdiv_(trained, exp_avg, denominator, (lr / bias_correction1) * -1)


# The same by the engine's one kernel, which reads and writes each array once and rounds otherwise: m as b m + (1 - b) g.
def fused_adamw(
    trained: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor], gradients: List[Tensor],
    lr: float, update: int, beta1: float, beta2: float, eps: float
) -> None:
    step = torch.full([], float(update), dtype=6, device=trained[0].device)
    steps: List[Tensor] = []
    for w in trained:
        steps.append(step)
    none: List[Tensor] = []
    torch._fused_adamw_(
        trained, gradients, exp_avg, exp_avg_sq, none, steps, lr=lr, beta1=beta1, beta2=beta2, weight_decay=0.0, eps=eps,
        amsgrad=False, maximize=False)


# How far three updates by that kernel are from the formulas, for weights, means and squares: max |difference| / max |value|.
def fused_difference(like: Tensor) -> Tensor:
    x = torch.arange(1, 1025, dtype=6, device=like.device)
    p, q = [torch.sin(x), torch.cos(x)], [torch.sin(x), torch.cos(x)]
    m, n = [torch.zeros_like(x), torch.zeros_like(x)], [torch.zeros_like(x), torch.zeros_like(x)]
    v, w = [torch.zeros_like(x), torch.zeros_like(x)], [torch.zeros_like(x), torch.zeros_like(x)]
    for k in range(1, 4):
        g = [torch.sin(x * (k + 0.5)), torch.cos(x * k) * 0.001]
        adamw(p, m, v, g, 0.01, k, 0.9, 0.95, 1e-8)
        fused_adamw(q, n, w, g, 0.01, k, 0.9, 0.95, 1e-8)
    out: List[Tensor] = []
    for i in range(2):
        out.append(torch.max(torch.abs(p[i] - q[i])) / torch.max(torch.abs(p[i])))
        out.append(torch.max(torch.abs(m[i] - n[i])) / torch.max(torch.abs(m[i])))
        out.append(torch.max(torch.abs(v[i] - w[i])) / torch.max(torch.abs(v[i])))
    return torch.stack(out, 0)


# The numbers of a small float64 tensor on the host.
def numbers(values: Tensor) -> List[float]:
    out: List[float] = []
    for i in range(values.size(0)):
        out.append(float(values[i]))
    return out


# e <- e d + (1 - d) p for a block of one weight and all of its averages; `averages` holds one array for each weight and
# decay, those of the first decay in front.
def average_block(weights: Tensor, averages: List[Tensor], decays: List[float], i: int, start: int, end: int) -> None:
    n = len(averages) // len(decays)
    for j in range(len(decays)):
        e = torch.view(averages[j * n + i], [-1])[start:end]
        torch.mul_(e, decays[j])
        torch.add_(e, weights, alpha=1 - decays[j])


# The update and the averages, a block of elements at a time: all operations of a block while it is in the processor's
# cache, so that every array crosses the memory bus once a step and not once an operation. Equal bits.
def by_blocks(
    trained: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor], gradients: List[Tensor],
    averaged: List[Tensor], averages: List[Tensor], decays: List[float], coefficient: Tensor, clipped: bool,
    lr: float, update: int, beta1: float, beta2: float, eps: float, shared: int, block: int
) -> None:
    bias_correction1 = 1 - beta1 ** float(update)
    bias_correction2_sqrt = torch.sqrt(1 - beta2 ** float(update))
    for i in range(len(trained)):
        weights = torch.view(trained[i], [-1])
        means = torch.view(exp_avg[i], [-1])
        squares = torch.view(exp_avg_sq[i], [-1])
        gradient = torch.reshape(gradients[i], [-1])
        for start in range(0, weights.size(0), block):
            end = start + block
            g = gradient[start:end]
            if clipped:
                g = torch.mul(g, coefficient)
            p = weights[start:end]
            m = means[start:end]
            v = squares[start:end]
            torch.lerp_(m, g, 1 - beta1)
            torch.mul_(v, beta2)
            torch.addcmul_(v, g, g, value=1 - beta2)
            denominator = torch.sqrt(v)
            torch.div_(denominator, bias_correction2_sqrt)
            torch.add_(denominator, eps)
            torch.addcdiv_(p, m, denominator, value=(lr / bias_correction1) * -1)
            if i < shared:
                average_block(p, averages, decays, i, start, end)
    for i in range(shared, len(averaged)):
        weights = torch.view(averaged[i], [-1])
        for start in range(0, weights.size(0), block):
            end = start + block
            average_block(weights[start:end], averages, decays, i, start, end)


# Where each group of arrays ends: a group has at least so many elements, but for the last.
def group_ends(arrays: List[Tensor], elements: int) -> List[int]:
    ends: List[int] = []
    found = 0
    for i in range(len(arrays)):
        found += arrays[i].numel()
        if found >= elements or i == len(arrays) - 1:
            ends.append(i + 1)
            found = 0
    return ends


# All averages of all weights; returns how many arrays it went over.
def average_all(averaged: List[Tensor], averages: List[Tensor], decays: List[float], fused: bool) -> int:
    n = len(averaged)
    done = 0
    for j in range(len(decays)):
        average = averages[j * n:(j + 1) * n]
        if fused:
            torch._foreach_lerp_(average, averaged, 1 - decays[j])
        else:
            torch._foreach_mul_(average, decays[j])
            torch._foreach_add_(average, averaged, alpha=1 - decays[j])
        done += len(average)
    return done


# The same, each operation over a group of arrays at once: what an operation makes anew is as large as a group.
def by_groups(
    trained: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor], gradients: List[Tensor],
    averaged: List[Tensor], averages: List[Tensor], decays: List[float], coefficient: Tensor, clipped: bool,
    lr: float, update: int, beta1: float, beta2: float, eps: float, group: int, fused: bool
) -> None:
    start = 0
    done = 0
    for end in group_ends(trained, group):
        p, m, v, g = trained[start:end], exp_avg[start:end], exp_avg_sq[start:end], gradients[start:end]
        if clipped:
            g = torch._foreach_mul(g, coefficient)
        if fused:
            fused_adamw(p, m, v, g, lr, update, beta1, beta2, eps)
        else:
            adamw(p, m, v, g, lr, update, beta1, beta2, eps)
        done += len(p) + len(m) + len(v)  # the lists are used again, or their updates would be removed
        start = end
    done += average_all(averaged, averages, decays, fused)
    assert done == 3 * len(trained) + len(averages), "there must be one array for each weight, moment and decay"


# AdamW and the moving averages of one step. `trained`, `decayed` and `averaged` are views of the same weights: those that
# have a gradient, those that decay, and those that have averages: the first `shared` of those with a gradient, then those without. `block` elements are updated at a time;
# 0 takes each operation over groups of arrays of `group` elements, which is for devices that would otherwise wait for
# kernels to start. Nothing is read. Returns a number only because a function has to return something.
def update_weights(
    trained: List[Tensor], decayed: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor],
    averaged: List[Tensor], averages: List[Tensor], gradients: List[Tensor], coefficient: Tensor, decays: Tensor,
    clipped: bool, lr: float, update: int, beta1: float, beta2: float, eps: float, weight_decay: float,
    shared: int, block: int, group: int, fused: bool
) -> Tensor:
    if weight_decay != 0.0:
        torch._foreach_mul_(decayed, 1 - lr * weight_decay)
    if block > 0:
        by_blocks(
            trained, exp_avg, exp_avg_sq, gradients, averaged, averages, numbers(decays), coefficient, clipped,
            lr, update, beta1, beta2, eps, shared, block)
    else:
        by_groups(
            trained, exp_avg, exp_avg_sq, gradients, averaged, averages, numbers(decays), coefficient, clipped,
            lr, update, beta1, beta2, eps, group, fused)
    return torch.zeros([])


# One update of Adan: beside the mean of the gradients that of their changes, d = g - g before, 0 at the first update, and the
# squares of g + beta2 d. `before` holds minus the gradient before; it is the scratch memory on the way.
def adan(
    trained: List[Tensor], exp_avg: List[Tensor], exp_avg_diff: List[Tensor], exp_avg_sq: List[Tensor], before: List[Tensor],
    gradients: List[Tensor], lr: float, update: int, beta1: float, beta2: float, beta3: float, eps: float
) -> None:
    if update == 1:
        torch._foreach_zero_(before)
        torch._foreach_sub_(before, gradients)
    torch._foreach_add_(before, gradients)  # d
    torch._foreach_mul_(exp_avg, beta1)
    torch._foreach_add_(exp_avg, gradients, alpha=1 - beta1)
    torch._foreach_mul_(exp_avg_diff, beta2)
    torch._foreach_add_(exp_avg_diff, before, alpha=1 - beta2)
    torch._foreach_mul_(before, beta2)
    torch._foreach_add_(before, gradients)  # g + beta2 d
    torch._foreach_mul_(exp_avg_sq, beta3)
    torch._foreach_addcmul_(exp_avg_sq, before, before, 1 - beta3)
    denominator = torch._foreach_sqrt(exp_avg_sq)
    torch._foreach_div_(denominator, torch.sqrt(1 - beta3 ** float(update)))
    torch._foreach_add_(denominator, eps)
    torch._foreach_addcdiv_(trained, exp_avg, denominator, (lr / (1 - beta1 ** float(update))) * -1)
    torch._foreach_addcdiv_(trained, exp_avg_diff, denominator, (lr * beta2 / (1 - beta2 ** float(update))) * -1)
    torch._foreach_zero_(before)
    torch._foreach_sub_(before, gradients)


# Adan and the moving averages of one step, over groups of arrays of `group` elements; lists as in update_weights.
def update_by_adan(
    trained: List[Tensor], decayed: List[Tensor], exp_avg: List[Tensor], exp_avg_diff: List[Tensor], exp_avg_sq: List[Tensor],
    before: List[Tensor], averaged: List[Tensor], averages: List[Tensor], gradients: List[Tensor], coefficient: Tensor,
    decays: Tensor, clipped: bool, lr: float, update: int, beta1: float, beta2: float, beta3: float, eps: float,
    weight_decay: float, group: int
) -> Tensor:
    start = 0
    done = 0
    for end in group_ends(trained, group):
        p, m, q, v = trained[start:end], exp_avg[start:end], exp_avg_diff[start:end], exp_avg_sq[start:end]
        b, g = before[start:end], gradients[start:end]
        if clipped:
            g = torch._foreach_mul(g, coefficient)
        adan(p, m, q, v, b, g, lr, update, beta1, beta2, beta3, eps)
        done += len(p) + len(m) + len(q) + len(v) + len(b)  # the lists are used again, or their updates would be removed
        start = end
    if weight_decay != 0.0:
        torch._foreach_div_(decayed, 1 + lr * weight_decay)
    done += average_all(averaged, averages, numbers(decays), False)
    assert done == 5 * len(trained) + len(averages), "there must be one array for each weight, moment and decay"
    return torch.zeros([])


# Sums of two lists, in new memory.
def sums(a: List[Tensor], b: List[Tensor]) -> List[Tensor]:
    return torch._foreach_add(a, b)


# 1 for each tensor that holds a NaN or an infinity, else 0.
def non_finite(arrays: List[Tensor]) -> Tensor:
    flags: List[Tensor] = []
    for a in arrays:
        flags.append(torch.to(torch.logical_not(torch.all(torch.isfinite(a))), 4))
    return torch.stack(flags, 0)


# Of each pair of tensors a, b: a . b, a . a and b . b, in float64.
def products(a: List[Tensor], b: List[Tensor]) -> Tensor:
    out: List[Tensor] = []
    for i in range(len(a)):
        x, y = torch.flatten(torch.to(a[i], 7)), torch.flatten(torch.to(b[i], 7))
        out.append(torch.dot(x, y))
        out.append(torch.dot(x, x))
        out.append(torch.dot(y, y))
    return torch.stack(out, 0)
