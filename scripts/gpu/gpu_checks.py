"""Our step against an independent PyTorch program, and this device against the CPU, from the same weights and batch."""

import torch
from gpu_step import Eager, Ours, Plan, free


def errors(found, expected):
    """Relative error of all tensors together, and of the worst: against its own norm, or 1 % of the typical tensor's."""
    squares = {key: (found[key].double().cpu() - value.double().cpu()).square().sum().item() for key, value in expected.items()}
    norms = {key: value.double().cpu().square().sum().item() for key, value in expected.items()}
    floor = 1e-4 * sum(norms.values()) / len(norms)
    worst = max(squares, key=lambda key: squares[key] / max(norms[key], floor))
    return {
        "all": (sum(squares.values()) / sum(norms.values())) ** 0.5,
        "worst": (squares[worst] / max(norms[worst], floor)) ** 0.5,
        "worst_tensor": worst,
    }


def compare(name, left, right, batch, limits):
    """Losses and gradients of two programs; limits are of losses, all gradients and the worst one.

    A loss below 1 counts as 1: the alignment is a mean of cosines and near 0 at first."""
    left.forward(batch)
    right.forward(batch)
    expected = right.losses()
    losses = max(abs(value - expected[part]) / max(abs(expected[part]), 1) for part, value in left.losses().items())
    gradients = errors(left.gradients(), right.gradients())
    passed = losses <= limits[0] and gradients["all"] <= limits[1] and gradients["worst"] <= limits[2]
    return {"name": name, "passed": passed, "losses": losses, "gradients": gradients, "limits": limits,
            "values": left.losses(), "expected": expected}


def compare_updates(name, ours, eager, weights, batch):
    """Clipping, AdamW and average of both from the same gradients: what remains is the rounding of weights."""
    ours.step(batch)
    for key, gradient in ours.gradients().items():
        eager.params[key].grad = gradient.clone()
    eager.update()
    trained = {key: weights[key] for key in eager.params}
    found = errors({key: ours.state("weight")[key].detach() - value for key, value in trained.items()},
                   {key: eager.state("weight")[key].detach() - value for key, value in trained.items()})
    ema = max(((ours.state("ema")[key] - value).abs().max() / value.abs().max().clamp_min(1e-12)).item()
              for key, value in eager.state("ema").items())
    return {"name": name, "passed": found["all"] <= 1e-3 and ema <= 1e-6, "weights": found, "averages": ema,
            "limits": [1e-3, 1e-6]}


# Relative errors allowed to losses, all gradients together and the worst tensor. float32 rounds at 6e-8, and some hundred
# operations in another order stay below 1e-5; the gradients sum over samples and tokens besides. bfloat16 rounds at 4e-3, and
# autocast rounds at other places than our blocks do: the modulation and what the gates take.
FLOAT32, BF16 = [1e-5, 1e-4, 1e-3], [2e-2, 5e-2, 3e-1]


def checks(kit, device, tiny):
    size, count = ("tiny", 4) if tiny else ("B-2", 4)
    cpu = torch.device("cpu")
    for method in ("maskalign", "reg"):
        for precision, limits in (("float32", FLOAT32), ("bf16", BF16)):
            plan = Plan(kit, f"{size}-{method}-{precision}")
            batch, weights = plan.batch(count), plan.weights(cpu)
            placed = {key: value.to(device) for key, value in weights.items()}
            ours, eager = Ours(plan, device, placed), Eager(plan, device, placed)
            where = f"{size} {method} {precision}"
            yield compare(f"{where}: ours and eager PyTorch on {device.type}", ours, eager, batch, limits)
            yield compare(f"{where}: ours on {device.type} and on the CPU", ours, Ours(plan, cpu, weights), batch, limits)
            if precision == "float32":
                yield compare_updates(f"{where}: update of ours and of PyTorch", ours, eager, placed, batch)
            del ours, eager
            free(device)
