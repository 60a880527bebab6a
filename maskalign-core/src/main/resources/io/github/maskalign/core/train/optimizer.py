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
    trained: List[Tensor], decayed: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor],
    gradients: List[Tensor],
    lr: float, update: int, beta1: float, beta2: float, eps: float, weight_decay: float
) -> None:
    if weight_decay != 0.0:
        torch._foreach_mul_(decayed, 1 - lr * weight_decay)
    torch._foreach_lerp_(exp_avg, gradients, 1 - beta1)
    torch._foreach_mul_(exp_avg_sq, beta2)
    torch._foreach_addcmul_(exp_avg_sq, gradients, gradients, 1 - beta2)
    bias_correction1 = 1 - beta1 ** float(update)
    bias_correction2_sqrt = torch.sqrt(1 - beta2 ** float(update))
    denominator = torch._foreach_sqrt(exp_avg_sq)
    torch._foreach_div_(denominator, bias_correction2_sqrt)
    torch._foreach_add_(denominator, eps)
    torch._foreach_addcdiv_(trained, exp_avg, denominator, (lr / bias_correction1) * -1)


# Norm, clipping, AdamW and the moving average of one step. Nothing at all is changed if the gradients' norm or the
# first of the losses is not finite. `trained`, `decayed` and `averaged` are views of the same weights: those that
# have a gradient, those that decay, and all of them.
# Returns [norm before clipping, losses...] in float64.
def optimizer_step(
    trained: List[Tensor], decayed: List[Tensor], exp_avg: List[Tensor], exp_avg_sq: List[Tensor],
    averaged: List[Tensor], ema: List[Tensor], gradients: List[Tensor], losses: List[Tensor],
    lr: float, update: int, beta1: float, beta2: float, eps: float, weight_decay: float,
    max_norm: float, ema_decay: float
) -> Tensor:
    norm = global_norm(gradients)
    if bool(torch.logical_and(torch.isfinite(norm), torch.isfinite(losses[0]))):
        coefficient = clip_coefficient(norm, max_norm)
        # a factor of 1 changes no bit; a new list, as gradients of different weights may share memory
        if max_norm > 0.0 and bool(torch.lt(coefficient, 1.0)):
            gradients = torch._foreach_mul(gradients, coefficient)
        adamw(
            trained, decayed, exp_avg, exp_avg_sq, gradients, lr, update, beta1, beta2, eps, weight_decay)
        torch._foreach_mul_(ema, ema_decay)
        torch._foreach_add_(ema, averaged, alpha=1 - ema_decay)
    report: List[Tensor] = [torch.to(norm, 7)]
    for loss in losses:
        report.append(torch.to(torch.detach(loss), 7))
    return torch.stack(report, 0)


# Sums of two lists, in new memory.
def sums(a: List[Tensor], b: List[Tensor]) -> List[Tensor]:
    return torch._foreach_add(a, b)


# Copies values into existing memory and keeps who owns it.
def copy_values(to: List[Tensor], values: List[Tensor]) -> Tensor:
    torch._foreach_copy_(to, values)
    return torch.zeros([])


# 1 for each tensor that holds a NaN or an infinity, else 0.
def non_finite(arrays: List[Tensor]) -> Tensor:
    flags: List[Tensor] = []
    for a in arrays:
        flags.append(torch.to(torch.logical_not(torch.all(torch.isfinite(a))), 4))
    return torch.stack(flags, 0)
