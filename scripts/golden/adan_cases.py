"""Writes golden/adan: 20 steps of clipping, Adan and an average in float64 NumPy, from the paper (arXiv 2208.06677, algorithm 1).

The moments are written as sums over all gradients so far, not step by step as the code has them: with decay b the k-th moment of
values x_1..x_k is sum (1 - b) b^(k - i) x_i. What the code fixes beyond the paper: bias corrections, no change at the first step,
epsilon outside of the root, weight decay of the proximal rule, beta2 times the change inside of the square and of the step.
"""

import numpy as np
import torch

from golden_file import Topic

SEED = 20261204
STEPS = 20
BETAS = (0.98, 0.92, 0.99)
SHAPES = {"a": (17, 7), "b": (13,), "c": (3, 1, 2, 3)}
# name: learning rate, weight decay, decay of the average
CASES = {"plain": (1e-2, 0.0, 0.9), "decays": (3e-3, 0.02, 0.99)}


def moment(beta, values):
    weights = (1 - beta) * beta ** np.arange(len(values) - 1, -1, -1.0)
    return np.tensordot(weights, np.stack(values), axes=1)


def main():
    topic = Topic("maskalign-core", "adan", "adan_cases.py", SEED, {"relative": 1e-5}, [
        "params before; grads/s/* of step s, some of which are clipped to norm 1; p, m, q, v and ema behind each step, float64.",
    ])
    b1, b2, b3 = BETAS
    for name, (lr, wd, decay) in CASES.items():
        draws = topic.draws(name)
        start = {key: draws.normal(f"params/{key}", shape) for key, shape in SHAPES.items()}
        tensors = {f"params/{key}": value for key, value in start.items()}
        p = {key: value.double().numpy() for key, value in start.items()}
        ema, seen = {key: value.copy() for key, value in p.items()}, {key: [] for key in p}
        for s in range(STEPS):
            scale = (0.01, 0.05, 1.0)[s % 3]
            given = {key: draws.normal(f"grads/{s}/{key}", shape, scale) for key, shape in SHAPES.items()}
            tensors |= {f"grads/{s}/{key}": value for key, value in given.items()}
            g = {key: value.double().numpy() for key, value in given.items()}
            norm = np.sqrt(sum((value**2).sum() for value in g.values()))
            k = s + 1
            for key in p:
                seen[key].append(g[key] * min(1.0, 1 / (norm + 1e-6)))
                gs = seen[key]
                ds = [np.zeros_like(gs[0])] + [now - then for then, now in zip(gs, gs[1:])]
                m, q = moment(b1, gs), moment(b2, ds)
                v = moment(b3, [(now + b2 * d) ** 2 for now, d in zip(gs, ds)])
                step = m / (1 - b1**k) + b2 * q / (1 - b2**k)
                p[key] = (p[key] - lr * step / (np.sqrt(v / (1 - b3**k)) + 1e-8)) / (1 + lr * wd)
                ema[key] = decay * ema[key] + (1 - decay) * p[key]
                for part, value in zip("pmqv", (p[key], m, q, v)):
                    tensors[f"{part}/{s}/{key}"] = torch.from_numpy(value.copy())
                tensors[f"ema/{s}/{key}"] = torch.from_numpy(ema[key].copy())
        topic.write(name, tensors, {"lr": lr, "weight_decay": wd, "ema": decay})
    topic.close()


if __name__ == "__main__":
    main()
