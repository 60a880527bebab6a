"""Writes golden/redi, ReDi's features, training loss and all gradients, and golden/redi-samples, representation guidance.

Loss and samplers are on ReDi's own axis, where s = 1 - t is 1 at the data and the velocity points there: the library's
axis is the other one. The network is sit_reference.py's, asked at t = 1 - s, its velocity turned around.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F

from golden_file import Topic, single
from losses_reference import alignment_loss
from parity_cases import base, random_state
from sit_reference import SiT, SiTConfig, gather, with_class_token

SEED = 20261216
BETA, COEFF = 0.03, 0.5
LATENT, FEATURES, WIDTH = 4, 5, 20

# name: (config, class token, kept of 16, terms.features, whether the batch does without features)
CASES = {
    "plain": ({}, False, 0, {"channels": FEATURES}, False),
    "weighted": ({}, False, 0, {"channels": FEATURES, "coeff": 0.25}, False),
    "without": ({}, False, 0, {"channels": FEATURES}, True),
    "align": ({"z_dims": (WIDTH,)}, False, 0, {"channels": FEATURES}, False),
    "cls-drop": ({"z_dims": (WIDTH,), "mixer_layers": 1, "placement": "DROP"}, True, 9,
                 {"channels": FEATURES, "coeff": 0.5}, False),
}
# name: (method, steps, what the weak half lacks, scale of the latent, of the features, interval in t)
SAMPLES = {
    "euler-bare": ("EULER", 10, "NO_FEATURES", 1.5, 0.0, (0.0, 1.0)),
    "euler-maruyama-bare": ("EULER_MARUYAMA", 16, "NO_FEATURES", 1.5, 0.0, (0.0, 1.0)),
    "euler-maruyama-label": ("EULER_MARUYAMA", 16, "NULL_LABEL", 2.4, 0.0, (0.1, 0.9)),
    "euler-groups": ("EULER", 10, "NULL_LABEL", 2.4, 1.3, (0.0, 1.0)),
}


def principal(tokens, count):
    """Statistics of tokens (M, Z) and their principal components by the singular vectors of the standardised tokens."""
    mean, std = tokens.mean(0), tokens.std(0, unbiased=False)
    z = ((tokens - mean) / std).numpy()
    _, values, rows = np.linalg.svd(z - z.mean(0), full_matrices=False)
    rows = rows[:count] * np.sign(np.take_along_axis(rows[:count], np.abs(rows[:count]).argmax(1)[:, None], 1))
    return mean, std, torch.from_numpy(np.ascontiguousarray(rows)), (values[:count] ** 2).sum() / (values**2).sum()


def planes(tokens, basis, side):
    """Patch tokens (N, T, Z) as feature planes."""
    mean, std, rows, _ = basis
    few = ((tokens - mean) / std) @ rows.T
    n, t, c = few.shape
    grid = round(t**0.5)
    return F.interpolate(few.reshape(n, grid, grid, c).permute(0, 3, 1, 2), size=(side, side), mode="bilinear")


def of_patches(image, p):
    """(N, C, H, W) as (N, T, p, p, C)."""
    n, c, h, w = image.shape
    return image.reshape(n, c, h // p, p, w // p, p).permute(0, 2, 4, 3, 5, 1).flatten(1, 2)


def build(changes, cls, draws):
    placement = changes.get("placement", "NONE")
    config = base(**{"hidden_size": 24, "depth": 2, "projector_dim": 28, "encoder_depth": 1,
                     "in_channels": LATENT + FEATURES, "cls_dim": WIDTH if cls else 0,
                     **{key: value for key, value in changes.items() if key != "placement"}})
    config = SiTConfig(**{**vars(config), "placement": placement})
    model = SiT(config).double().eval()
    state = random_state(model, draws)
    model.load_state_dict({key: value.double() for key, value in state.items()})
    return config, model, state, placement


def losses():
    topic = Topic("maskalign-sit", "redi", "redi_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4, "features": 1e-5}, [
        "x are latents (N, 4, 8, 8), targets.0 an encoder's tokens, of which the patches become features behind the latents;",
        "basis/* is what their PCA gives; features (N, 5, 8, 8), zeros where the batch does without them.",
        "losses/total = velocity + beta class + coeff align + terms.features.coeff features; velocity is of the latents alone.",
    ])
    for name, (changes, cls, kept, term, bare) in CASES.items():
        draws = topic.draws(name)
        config, model, state, placement = build(changes, cls, draws)
        n, t, side, p = 3, config.tokens, config.input_size, config.patch_size
        mixing = draws.normal("mixing", (WIDTH, WIDTH)) * torch.linspace(0.2, 2, WIDTH)
        inputs = {"x": draws.normal("x", (n, LATENT, side, side)),
                  "noise": draws.normal("noise", (n, LATENT + FEATURES, side, side)),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes),
                  "targets.0": draws.normal("targets.0", (n, 1 + t, WIDTH), 1.5) @ mixing + 0.5}
        if kept:
            inputs["keep"] = draws.subset("keep", n, t, kept)
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, WIDTH))
        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        target, keep, s = given["targets.0"], given.get("keep"), 1 - given["t"]
        basis = principal(target[:, 1:].flatten(0, 1), FEATURES)
        features = planes(target[:, 1:], basis, side)
        if bare:
            features = torch.zeros_like(features)
        x1, x0 = torch.cat([given["x"], features], 1), given["noise"]
        at = s.view(-1, 1, 1, 1)
        xt, goal = at * x1 + (1 - at) * x0, x1 - x0
        g = s[:, None] * target[:, 0] + (1 - s[:, None]) * given["cls_noise"] if cls else None
        out = model(xt, 1 - s, given["y"], g, keep)
        v = -out.velocity
        if keep is None:
            parts = v[:, :LATENT] - goal[:, :LATENT], v[:, LATENT:] - goal[:, LATENT:]
        else:
            v = v.reshape(*v.shape[:2], p, p, LATENT + FEATURES)
            goal = torch.stack([rows[index] for rows, index in zip(of_patches(goal, p), keep)])
            parts = v[..., :LATENT] - goal[..., :LATENT], v[..., LATENT:] - goal[..., LATENT:]
        found = {"velocity": parts[0].square().flatten(1).mean(1).mean()}
        total = found["velocity"]
        if cls:
            found["class"] = (-out.cls - (target[:, 0] - given["cls_noise"])).square().mean()
            total = total + BETA * found["class"]
        if config.z_dims:
            aim = target if cls else target[:, 1:]
            aim = aim if keep is None else gather(aim, with_class_token(keep) if cls else keep)
            found["align"] = alignment_loss(out.z[0], aim)
            total = total + COEFF * found["align"]
        if not bare:
            found["features"] = parts[1].square().flatten(1).mean(1).mean()
            total = total + term.get("coeff", 1.0) * found["features"]
        found["total"] = total
        total.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        nothing = [key for key, grad in grads.items() if grad is None or grad.norm() <= 1e-7]
        assert not nothing, (name, nothing)
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"basis/{key}": single(value) for key, value in zip(("mean", "std", "components"), basis)}
        tensors["features"] = single(features)
        tensors |= {f"losses/{key}": value.detach() for key, value in found.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        metadata = {"config": config.parity_json(), "placement": placement, "beta": BETA, "coeff": COEFF,
                    "features": json.dumps(term, sort_keys=True), "bare": bare, "variance_kept": f"{basis[3]:.6f}"}
        topic.write(name, tensors, metadata, bare=bare)
    topic.close()


def samples():
    topic = Topic("maskalign-sit", "redi-samples", "redi_cases.py", SEED, {"relative": 1e-5}, [
        "As joint, without a class token: 4 latent channels and 5 features, of which guidance may have another scale.",
        "NO_FEATURES: the weak half keeps its label and sees (1 - s) times the noise its features began with.",
    ])
    for name, (method, steps, lacks, w, w_features, (low, high)) in SAMPLES.items():
        draws = topic.draws(name)
        config, model, state, _ = build({"num_classes": 6}, False, draws)
        y = torch.tensor([3, 0])
        shape = (2, LATENT + FEATURES, 8, 8)
        begin = draws.normal("latents", shape)
        noise = draws.normal("noise", (steps - 1, *shape)).double() if method == "EULER_MARUYAMA" else None
        first = begin.double()[:, LATENT:]

        def towards_data(x, s, labels):
            return -model(x, (1 - s).expand(len(x)), labels).velocity

        def velocity(x, s):
            c = towards_data(x, s, y)
            if not low <= 1 - s <= high:
                return c
            if lacks == "NO_FEATURES":
                u = towards_data(torch.cat([x[:, :LATENT], (1 - s) * first], 1), s, y)
            else:
                u = towards_data(x, s, torch.full_like(y, config.num_classes))
            latent = u[:, :LATENT] + w * (c - u)[:, :LATENT]
            rest = u[:, LATENT:] + w_features * (c - u)[:, LATENT:] if w_features > 0 else c[:, LATENT:]
            return torch.cat([latent, rest], 1)

        x = begin.double()
        with torch.no_grad():
            if method == "EULER":
                grid = 1 - torch.linspace(1, 0, steps + 1, dtype=torch.float64)
                for s, after in zip(grid[:-1], grid[1:]):
                    x = x + (after - s) * velocity(x, s)
            else:
                grid = torch.cat([1 - torch.linspace(1, 0.04, steps, dtype=torch.float64), torch.ones(1)])
                for i, (s, after) in enumerate(zip(grid[:-1], grid[1:])):
                    v, h = velocity(x, s), after - s
                    score = (s * v - x) / (1 - s)
                    x = x + h * (v + (1 - s) * score)
                    if i < steps - 1:
                        x = x + (2 * (1 - s) * h).sqrt() * noise[i]
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {"inputs/latents": begin, "inputs/y": y, "outputs/x": x.contiguous()}
        if noise is not None:
            tensors["inputs/noise"] = noise.to(torch.float32)
        metadata = {"config": config.parity_json(), "channels": FEATURES, "method": method, "steps": steps, "cfg": w,
                    "feature_cfg": w_features, "low": low, "high": high, "unconditional": lacks}
        topic.write(name, tensors, metadata, method=method)
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    losses()
    samples()
