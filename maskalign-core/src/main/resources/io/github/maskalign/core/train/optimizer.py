from torch import Tensor
from typing import List


# Norm of the norms of the single tensors, as torch.nn.utils.clip_grad_norm_ computes it.
def global_norm(arrays: List[Tensor]) -> Tensor:
    return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(arrays, 2), 0), 2)


# min(1, max_norm / (norm + 1e-6)); PyTorch divides a number by a tensor through the reciprocal.
def clip_coefficient(norm: Tensor, max_norm: float) -> Tensor:
    return torch.clamp(torch.mul(torch.reciprocal(torch.add(norm, 1e-6)), max_norm), None, 1.0)


# One AdamW update in torch.optim's order of operations; `update` counts from 1. Every list that is changed in
# place is an argument of the module: a list built here and not used again would be removed with its update.
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


# The same update, a block of elements at a time: all operations of a block while it is in the processor's cache, so
# that every array crosses the memory bus once a step and not once an operation. Equal bits.
def blocked_adamw(
    trained: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor], gradients: List[Tensor],
    coefficient: Tensor, clipped: bool,
    lr: float, update: int, beta1: float, beta2: float, eps: float, block: int
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
            m = means[start:end]
            v = squares[start:end]
            torch.lerp_(m, g, 1 - beta1)
            torch.mul_(v, beta2)
            torch.addcmul_(v, g, g, value=1 - beta2)
            denominator = torch.sqrt(v)
            torch.div_(denominator, bias_correction2_sqrt)
            torch.add_(denominator, eps)
            torch.addcdiv_(weights[start:end], m, denominator, value=(lr / bias_correction1) * -1)


# The numbers of a small float64 tensor on the host.
def numbers(values: Tensor) -> List[float]:
    out: List[float] = []
    for i in range(values.size(0)):
        out.append(float(values[i]))
    return out


# e <- e d + (1 - d) p for one average after the other: `averages` holds one array for each weight and decay, those of
# the first decay in front. A block of weights is read once for all of its averages.
def blocked_averages(averaged: List[Tensor], averages: List[Tensor], decays: List[float], block: int) -> None:
    n = len(averaged)
    for i in range(n):
        weights = torch.view(averaged[i], [-1])
        for start in range(0, weights.size(0), block):
            end = start + block
            for j in range(len(decays)):
                e = torch.view(averages[j * n + i], [-1])[start:end]
                torch.mul_(e, decays[j])
                torch.add_(e, weights[start:end], alpha=1 - decays[j])


# The same, each operation over all arrays at once.
def whole_averages(averaged: List[Tensor], averages: List[Tensor], decays: List[float]) -> None:
    n = len(averaged)
    done = 0
    for j in range(len(decays)):
        average = averages[j * n:(j + 1) * n]
        torch._foreach_mul_(average, decays[j])
        torch._foreach_add_(average, averaged, alpha=1 - decays[j])
        done += len(average)  # the list is used again, or its updates would be removed
    assert done == len(averages), "there must be one array for each weight and decay"


# Norm, clipping, AdamW and the moving averages of one step. Nothing at all is changed if the gradients' norm or the
# first of the losses is not finite. `trained`, `decayed` and `averaged` are views of the same weights: those that
# have a gradient, those that decay, and all of them. `block` elements are updated at a time; 0 takes each operation
# over all arrays at once, which is for devices that would otherwise wait for kernels to start.
# Returns [norm before clipping, losses...] in float64.
def optimizer_step(
    trained: List[Tensor], decayed: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor],
    averaged: List[Tensor], averages: List[Tensor], gradients: List[Tensor], losses: List[Tensor], decays: Tensor,
    lr: float, update: int, beta1: float, beta2: float, eps: float, weight_decay: float,
    max_norm: float, block: int
) -> Tensor:
    norm = global_norm(gradients)
    if bool(torch.logical_and(torch.isfinite(norm), torch.isfinite(losses[0]))):
        coefficient = clip_coefficient(norm, max_norm)
        # a factor of 1 changes no bit; new memory, as gradients of different weights may share theirs
        clipped = max_norm > 0.0 and bool(torch.lt(coefficient, 1.0))
        if weight_decay != 0.0:
            torch._foreach_mul_(decayed, 1 - lr * weight_decay)
        if block > 0:
            blocked_adamw(
                trained, exp_avg, exp_avg_sq, gradients, coefficient, clipped, lr, update, beta1, beta2, eps, block)
            blocked_averages(averaged, averages, numbers(decays), block)
        else:
            if clipped:
                gradients = torch._foreach_mul(gradients, coefficient)
            adamw(trained, exp_avg, exp_avg_sq, gradients, lr, update, beta1, beta2, eps)
            whole_averages(averaged, averages, numbers(decays))
    report: List[Tensor] = [torch.to(norm, 7)]
    for loss in losses:
        report.append(torch.to(torch.detach(loss), 7))
    return torch.stack(report, 0)


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
