"""Writes golden/reglue, REGLUE's compressed features, training loss and all gradients; golden/reglue-samples, its guidance of
three groups; golden/compressor and golden/compressor-training, the network that compresses, in use and while it is trained.

The compressor is made of PyTorch's own layers here, under the names of the official checkpoint: Conv2d and BatchNorm2d. Features,
loss and samplers are written down from the paper's formulas on REPA's axis: t = 0 is data, the velocity is noise - data.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

from golden_file import Topic, single
from losses_reference import alignment_loss
from parity_cases import base, random_state
from sit_reference import SiT, SiTConfig

SEED = 20261217
BETA, COEFF = 0.03, 0.5
LATENT, FEATURES, WIDTH, BLOCKS, HIDDEN = 4, 6, 10, 4, 12

XL = {"factorSteps": [250000, 500000], "factors": [0.5, 0.25]}
# name: (terms.features, step, whether the data bring the features in front of the tokens)
CASES = {
    "base": ({}, 0, False),
    "before": ({**XL, "coeff": 0.8}, 249999, False),
    "half": (XL, 250000, False),
    "quarter": (XL, 600000, False),
    "prepared": ({}, 1000, True),
}
# name: (method, steps, scale of latent, features, class token, interval in t, whether the official code's rule is followed)
SAMPLES = {
    "all": ("EULER_MARUYAMA", 16, 2.3, 2.3, 2.3, (0.0, 0.9), False),
    "features-unguided": ("EULER_MARUYAMA", 16, 2.3, 0.0, 1.4, (0.0, 0.85), False),
    "euler": ("EULER", 10, 1.8, 1.3, 0.0, (0.0, 1.0), False),
    # the latent alone, by c + w (c - u): the library's scale is one more; the last step, which the code guides otherwise, is free
    "official-latent-only": ("EULER_MARUYAMA", 16, 1.3, 0.0, 2.3, (0.1, 0.9), True),
}


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(inner)))


class Half(nn.Module):
    """From one width to another, by one in between."""

    def __init__(self, first, middle, last):
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(first, middle, 3, padding=1), Residual(middle), nn.Conv2d(middle, last, 3, padding=1))

    def forward(self, x):
        return self.model(x)


class Compressor(nn.Module):
    def __init__(self, width, hidden, channels):
        super().__init__()
        self.encoder, self.decoder = Half(width, hidden, channels), Half(channels, hidden, width)


def compressor(draws, width=BLOCKS * WIDTH, hidden=HIDDEN, channels=FEATURES):
    """A network whose numbers are drawn by name, float32 numbers in float64, and these numbers."""
    network = Compressor(width, hidden, channels).double()
    state = {}
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        if key.endswith("running_var") or (".bn" in key and key.endswith("weight")):
            state[key] = draws.uniform(key, value.shape, 0.5, 1.5)
        else:
            state[key] = draws.normal(key, value.shape, value[0].numel() ** -0.5 if value.dim() > 1 else 0.3)
    network.load_state_dict({key: value.double() for key, value in state.items()}, strict=False)
    return network, state


def standard(draws, width):
    return draws.normal("mean", (width,)), draws.uniform("std", (width,), 0.5, 2.0)


def grid(tokens, mean, std):
    """Tokens (N, T, Z) standardised, as (N, Z, G, G)."""
    n, t, z = tokens.shape
    side = round(t**0.5)
    return ((tokens - mean.double()) / std.double()).transpose(1, 2).reshape(n, z, side, side)


def build(draws, classes=10):
    config = SiTConfig(**{**vars(base()), "hidden_size": 24, "depth": 2, "projector_dim": 28, "encoder_depth": 1,
                          "in_channels": LATENT + FEATURES, "z_dims": (WIDTH,), "cls_dim": WIDTH, "num_classes": classes})
    model = SiT(config).double().eval()
    state = random_state(model, draws)
    model.load_state_dict({key: value.double() for key, value in state.items()})
    return config, model, state


def losses():
    topic = Topic("maskalign-sit", "reglue", "reglue_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4, "features": 1e-5}, [
        "targets.0 are the tokens of an encoder's last 4 blocks, joined, the class token first: (N, 1+T, 40); the last 10 numbers",
        "of each are aligned with and hold the class token. reduction/* compresses the patches to features (N, 6, 8, 8).",
        "prepared: targets.0 (N, 1+T, 6 + 10) bring the compressed tokens in front of those of the last block.",
        "losses/total = velocity + beta class + coeff align + terms.features.coeff · factor(step) · features.",
    ])
    for name, (changes, step, prepared) in CASES.items():
        draws = topic.draws(name)
        config, model, state = build(draws)
        network, numbers = compressor(draws)
        network.eval()
        mean, std = standard(draws, BLOCKS * WIDTH)
        n, t, side = 3, config.tokens, config.input_size
        joined = draws.normal("targets.0", (n, 1 + t, BLOCKS * WIDTH), 1.5)
        inputs = {"x": draws.normal("x", (n, LATENT, side, side)),
                  "noise": draws.normal("noise", (n, LATENT + FEATURES, side, side)),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes),
                  "cls_noise": draws.normal("cls_noise", (n, WIDTH))}
        with torch.no_grad():
            few = network.encoder(grid(joined[:, 1:].double(), mean, std))  # (N, C_f, G, G)
        if prepared:  # stored in float32, which is what the features are then
            few = single(few).double()
            patches = torch.cat([single(few.flatten(2).transpose(1, 2)), joined[:, 1:, -WIDTH:]], 2)
            first = torch.cat([torch.zeros(n, 1, FEATURES), joined[:, :1, -WIDTH:]], 2)
            inputs["targets.0"] = torch.cat([first, patches], 1)
        else:
            inputs["targets.0"] = joined
        features = F.interpolate(few, size=(side, side), mode="bilinear", align_corners=False)
        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        last = joined[..., -WIDTH:].double()
        clean, noise, time = torch.cat([given["x"], features], 1), given["noise"], given["t"].view(-1, 1, 1, 1)
        token, token_noise = last[:, 0], given["cls_noise"]
        out = model((1 - time) * clean + time * noise, given["t"], given["y"],
                    (1 - time[:, :, 0, 0]) * token + time[:, :, 0, 0] * token_noise)
        error = (out.velocity - (noise - clean)).square()
        found = {"velocity": error[:, :LATENT].flatten(1).mean(1).mean(),
                 "class": (out.cls - (token_noise - token)).square().mean(),
                 "align": alignment_loss(out.z[0], last),
                 "features": error[:, LATENT:].flatten(1).mean(1).mean()}
        steps = [0, *changes.get("factorSteps", [])]
        factor = [1.0, *changes.get("factors", [])][max(i for i, s in enumerate(steps) if step >= s)]
        found["total"] = (found["velocity"] + BETA * found["class"] + COEFF * found["align"]
                          + changes.get("coeff", 1.0) * factor * found["features"])
        found["total"].backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        nothing = [key for key, grad in grads.items() if grad is None or grad.norm() <= 1e-7]
        assert not nothing, (name, nothing)
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {"reduction/mean": mean, "reduction/std": std}
        tensors |= {f"reduction/{key}": value for key, value in numbers.items() if key.startswith("encoder.")}
        tensors["features"] = single(features)
        tensors |= {f"losses/{key}": value.detach() for key, value in found.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        term = {"channels": FEATURES, "drop": 0.0, "lastBlocks": BLOCKS, **changes}
        metadata = {"config": config.parity_json(), "beta": BETA, "coeff": COEFF, "step": step,
                    "features": json.dumps(term, sort_keys=True)}
        topic.write(name, tensors, metadata, factor=factor)
    topic.close()


def samples():
    topic = Topic("maskalign-sit", "reglue-samples", "reglue_cases.py", SEED, {"relative": 1e-5}, [
        "As joint: 4 latent channels, 6 features and a class token, each with a scale of its own; 0 takes the conditional drift.",
        "official-latent-only is what the published code's branch for the latent alone computes, c + w (c - u), w = 1.3.",
    ])
    for name, (method, steps, w, w_features, w_class, (low, high), official) in SAMPLES.items():
        draws = topic.draws(name)
        config, model, state = build(draws, classes=6)
        y = torch.tensor([3, 0])
        begin = {"latents": draws.normal("latents", (2, LATENT + FEATURES, 8, 8)),
                 "cls_latents": draws.normal("cls_latents", (2, WIDTH))}
        noise = {key: draws.normal(key, (steps - 1, *value.shape))
                 for key, value in zip(("noise", "cls_noise"), begin.values())} if method == "EULER_MARUYAMA" else {}

        def ask(x, g, t, labels):
            out = model(x, t.expand(len(x)), labels, g)
            return out.velocity, out.cls

        def mixed(c, u, scale):
            return u + scale * (c - u) if scale > 0 else c

        def velocity(x, g, t):
            (c, c_class) = ask(x, g, t, y)
            if not low <= t <= high:
                return c, c_class
            (u, u_class) = ask(x, g, t, torch.full_like(y, config.num_classes))
            latent = c[:, :LATENT] + w * (c - u)[:, :LATENT] if official else mixed(c[:, :LATENT], u[:, :LATENT], w)
            rest = mixed(c[:, LATENT:], u[:, LATENT:], w_features)
            return torch.cat([latent, rest], 1), mixed(c_class, u_class, w_class)

        x, g = begin["latents"].double(), begin["cls_latents"].double()
        with torch.no_grad():
            if method == "EULER":
                times = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
                for t, after in zip(times[:-1], times[1:]):
                    v, v_class = velocity(x, g, t)
                    x, g = x + (after - t) * v, g + (after - t) * v_class
            else:
                times = torch.cat([torch.linspace(1, 0.04, steps, dtype=torch.float64), torch.zeros(1)])
                for i, (t, after) in enumerate(zip(times[:-1], times[1:])):
                    h = after - t
                    state_now, v = (x, g), velocity(x, g, t)
                    moved = []
                    for key, now, speed in zip(("noise", "cls_noise"), state_now, v):
                        score = -((1 - t) * speed + now) / t  # of x_t = (1 - t) data + t noise
                        drift = speed - t * score  # half of w = 2t
                        step = now + h * drift
                        if i < steps - 1:
                            step = step + (2 * t * h.abs()).sqrt() * noise[key][i].double()
                        moved.append(step)
                    x, g = moved
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in {**begin, **noise, "y": y}.items()}
        tensors |= {"outputs/x": x.contiguous(), "outputs/cls": g.contiguous()}
        metadata = {"config": config.parity_json(), "channels": FEATURES, "method": method, "steps": steps,
                    "cfg": w + 1 if official else w, "feature_cfg": w_features, "cls_cfg": w_class, "low": low, "high": high}
        topic.write(name, tensors, metadata, method=method)
    topic.close()


def compressing():
    topic = Topic("maskalign-core", "compressor", "reglue_cases.py", SEED, {"relative": 1e-5}, [
        "A compressor's encoder in use: reduction/* are its numbers under the official names, mean and std what it standardises by;",
        "inputs/tokens (N, T, Z) become outputs/tokens (N, T, C), outputs/planes (N, C, side, side).",
    ])
    for name, (width, hidden, channels, side, larger) in {"small": (24, 10, 5, 4, 8), "wide": (48, 16, 16, 7, 14)}.items():
        draws = topic.draws(name)
        network, numbers = compressor(draws, width, hidden, channels)
        network.eval()
        mean, std = standard(draws, width)
        tokens = draws.normal("tokens", (3, side**2, width), 1.5)
        with torch.no_grad():
            few = network.encoder(grid(tokens.double(), mean, std))
        planes = F.interpolate(few, size=(larger, larger), mode="bilinear", align_corners=False)
        tensors = {"reduction/mean": mean, "reduction/std": std, "inputs/tokens": tokens,
                   "outputs/tokens": single(few.flatten(2).transpose(1, 2)), "outputs/planes": single(planes)}
        tensors |= {f"reduction/{key}": value for key, value in numbers.items()}
        topic.write(name, tensors, {"side": larger})
    topic.close()


def training():
    topic = Topic("maskalign-examples", "compressor-training", "reglue_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "A compressor in training: weights/* are its numbers, without running statistics; its norms are by the batch.",
        "losses/mse is the mean square of what comes back less the standardised tokens; grads/* are its gradients;",
        "statistics/* what PyTorch's running mean and variance are after this one batch, with momentum 1.",
    ])
    for name, (n, side) in {"batch": (3, 4), "wide": (2, 7)}.items():
        draws = topic.draws(name)
        network, numbers = compressor(draws)
        network.train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        mean, std = standard(draws, BLOCKS * WIDTH)
        tokens = draws.normal("tokens", (n, side**2, BLOCKS * WIDTH), 1.5)
        planes = grid(tokens.double(), mean, std)
        loss = F.mse_loss(network.decoder(network.encoder(planes)), planes)
        loss.backward()
        tensors = {"inputs/tokens": tokens, "inputs/mean": mean, "inputs/std": std, "losses/mse": loss.detach()}
        for key, value in network.named_parameters():
            tensors[f"weights/{key}"] = numbers[key]
            tensors[f"grads/{key}"] = single(value.grad)
        for key, value in network.named_buffers():
            if not key.endswith("num_batches_tracked"):
                tensors[f"statistics/{key}"] = single(value)
        topic.write(name, tensors, {"hidden": HIDDEN, "channels": FEATURES})
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    losses()
    samples()
    compressing()
    training()
