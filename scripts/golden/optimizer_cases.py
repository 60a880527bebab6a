"""Writes golden/optimizer: 20 steps of clip_grad_norm_(1.0), torch.optim.AdamW and EMA in float32.

The foreach implementations run on one CPU thread, so the numbers can be compared to the bit.
"""

import torch

from golden_file import Topic

SEED = 20260612
STEPS = 20
SHAPES = {"a": (17, 7), "b": (13,), "c": (3, 1, 2, 3)}

# name: learning rate, weight decay, EMA decay
CASES = {
    "lr1e-4-wd0": (1e-4, 0.0, 0.9999),
    "lr1e-2-wd0.01": (1e-2, 0.01, 0.9),
    "lr3e-3-wd0": (3e-3, 0.0, 0.9),
    "lr1e-3-wd0.01": (1e-3, 0.01, 0.9999),
}


def gradients(draws, step):
    """Some steps need clipping, some do not; every fifth is as small as epsilon, and some entries are zero.

    Values are small integers times a power of two: sums of their squares are exact in float32, so the norm of a
    tensor does not depend on the order of summation.
    """
    scale = 2.0**-32 if step % 5 == 4 else (2.0**-11, 2.0**-6, 2.0**-3)[step % 3]
    grads = {}
    for name, shape in SHAPES.items():
        grads[name] = draws.normal(f"grad/{step}/{name}", shape, 32).round() * scale
    grads["b"][step % 13] = 0
    return grads


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-core", "optimizer", "optimizer_cases.py", SEED, {"ulps": 0, "relative": 1e-6}, [
        "float32 throughout; PyTorch 2.3.1 and 2.15.0 write the same bits. Gradients sit on a grid that makes sums of",
        "squares exact, so a plain implementation of the formulas can reach the bits too; relative otherwise.",
        "params/k, and per step s = 0..19: grads/s/k before clipping, norm/s before clipping, and after the step",
        "p/s/k, m/s/k, v/s/k (exp_avg, exp_avg_sq), ema/s/k. EMA starts as a copy of params.",
        "clip: max_norm 1, coefficient min(1, 1 / (norm + 1e-6)), always multiplied. Norm = norm of tensor norms.",
        "AdamW: betas 0.9, 0.999, eps 1e-8, foreach. EMA: e * decay, then + p * (1 - decay); two roundings.",
        "ema_lerp/s/k: the same average as lerp(e, p, 1 - decay); it differs in the last bits.",
    ])
    for name, (lr, decay, ema_decay) in CASES.items():
        draws = topic.draws(name)
        tensors = {f"params/{key}": draws.normal(f"params/{key}", shape, 0.3) for key, shape in SHAPES.items()}
        params = {key: tensors[f"params/{key}"].clone().requires_grad_() for key in SHAPES}
        values = list(params.values())
        ema = [value.detach().clone() for value in values]
        lerp = [value.detach().clone() for value in values]
        optimizer = torch.optim.AdamW(values, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay, foreach=True)
        for step in range(STEPS):
            for key, grad in gradients(draws, step).items():
                params[key].grad = grad.clone()
                tensors[f"grads/{step}/{key}"] = grad
            tensors[f"norm/{step}"] = torch.nn.utils.clip_grad_norm_(values, 1.0, foreach=True)
            optimizer.step()
            with torch.no_grad():
                torch._foreach_mul_(ema, ema_decay)
                torch._foreach_add_(ema, values, alpha=1 - ema_decay)
                torch._foreach_lerp_(lerp, values, 1 - ema_decay)
            for i, (key, value) in enumerate(params.items()):
                state = optimizer.state[value]
                after = {"p": value, "m": state["exp_avg"], "v": state["exp_avg_sq"], "ema": ema[i],
                         "ema_lerp": lerp[i]}
                tensors |= {f"{kind}/{step}/{key}": tensor.detach().clone() for kind, tensor in after.items()}
        metadata = {"lr": lr, "weight_decay": decay, "ema_decay": ema_decay, "beta1": 0.9, "beta2": 0.999,
                    "eps": 1e-8, "max_norm": 1.0, "steps": STEPS}
        topic.write(name, tensors, metadata)
    topic.close()


if __name__ == "__main__":
    main()
