"""Writes golden/chain (core): DDPM's schedule and its parts; golden/dit: DiT's loss with all gradients; golden/dit-samples."""

import torch

from dit_reference import DiT, chain, sample, spaced, strided, training_loss
from golden_file import Topic, single
from losses_reference import alignment_loss
from parity_cases import base, random_state
from sit_reference import SiTConfig, gather

SEED = 20261129
COEFF = 0.5

# name: (config, kept of 16, steps n)
CASES = {
    "plain": ({}, 0, [0, 1, 37, 999]),
    "classes-of-two": ({"in_channels": 3, "patch_size": 4, "input_size": 16, "num_classes": 2}, 0, [412, 0, 3]),
    "repa": ({"z_dims": (20,)}, 0, [5, 700, 250]),
    "drop": ({"mixer_layers": 1, "placement": "DROP", "z_dims": (20,)}, 9, [0, 12, 801]),
    "drop-reinsert": ({"placement": "DROP_REINSERT"}, 9, [2, 990, 333]),
}
# name: (rule, steps, w, low, high, guided channels, eta)
SAMPLES = {
    "ddpm-250": ("DDPM", 250, 1.0, 0.0, 1.0, 0, 0.0),
    "ddpm-20-first-three-channels": ("DDPM", 20, 4.0, 0.0, 1.0, 3, 0.0),
    "ddpm-9-interval": ("DDPM", 9, 2.0, 0.2, 0.75, 0, 0.0),
    "ddim-50": ("DDIM", 50, 1.0, 0.0, 1.0, 0, 0.0),
    "ddim-25-half": ("DDIM", 25, 1.5, 0.0, 1.0, 0, 0.5),
    "ddim-10-all": ("DDIM", 10, 1.0, 0.0, 1.0, 0, 1.0),
}


def build(draws, **changes):
    placement = changes.pop("placement", "NONE")
    config = SiTConfig(**{**vars(base(**{"hidden_size": 24, "projector_dim": 28, "learn_sigma": True, **changes})),
                          "placement": placement})
    model = DiT(config).double().eval()
    state = random_state(model, draws)
    model.load_state_dict({key: value.double() for key, value in state.items()})
    return config, model, state


def chains():
    topic = Topic("maskalign-core", "chain", "dit_cases.py", SEED, {"relative": 1e-13}, [
        "steps of the whole chain, abar, beta and posterior variance at them; float64.",
    ])
    parts = {"whole": chain(), **{f"spaced-{k}": spaced(k) for k in (2, 9, 20, 250, 999)},
             **{f"strided-{k}": strided(k) for k in (10, 30, 50, 500)}}
    for name, part in parts.items():
        topic.write(name, {"steps": torch.tensor(part.steps), "bars": torch.from_numpy(part.bars),
                           "betas": torch.from_numpy(part.betas),
                           "variances": torch.from_numpy(part.posterior_variance())}, {})
    topic.close()


def losses():
    topic = Topic("maskalign-sit", "dit", "dit_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = noise + vlb + coeff align in float64, time features in float32; inputs/t = n / 1000.",
        "With DROP the noise and the bound are of the kept patches. targets.0 (N, 1+T, Z) has the class row first.",
    ])
    for name, (changes, kept, steps) in CASES.items():
        draws = topic.draws(name)
        config, model, state = build(draws, **changes)
        n, t = len(steps), config.tokens
        image = (n, config.in_channels, config.input_size, config.input_size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": torch.tensor([step / 1000 for step in steps], dtype=torch.float32),
                  "y": draws.integers("y", (n,), config.num_classes + 1)}
        if config.z_dims:
            inputs["targets.0"] = draws.normal("targets.0", (n, 1 + t, 20), 1.5)
        if kept:
            inputs["keep"] = draws.subset("keep", n, t, kept)
        keep = inputs.get("keep")
        noise, bound, z = training_loss(model, inputs["x"].double(), inputs["noise"].double(), torch.tensor(steps),
                                        inputs["y"], keep, config.placement == "DROP")
        found = {"noise": noise, "vlb": bound}
        total = noise + bound
        if config.z_dims:
            aim = inputs["targets.0"].double()[:, 1:]
            found["align"] = alignment_loss(z[0], aim if keep is None else gather(aim, keep))
            total = total + COEFF * found["align"]
        found["total"] = total
        total.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        nothing = [key for key, grad in grads.items() if grad is None or grad.norm() <= 1e-7]
        assert not nothing, (name, nothing)
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in found.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        metadata = {"config": config.parity_json(), "placement": config.placement, "beta": 0.0, "coeff": COEFF}
        topic.write(name, tensors, metadata)
    topic.close()


def samples():
    topic = Topic("maskalign-sit", "dit-samples", "dit_cases.py", SEED, {"relative": 1e-5}, [
        "DDPM's and DDIM's way back in float64 with the network's input rounded to float32; inputs/noise (S-1, N, C, H, W).",
    ])
    for name, (rule, count, w, low, high, guided, eta) in SAMPLES.items():
        draws = topic.draws(name)
        config, model, state = build(draws, input_size=4, depth=2, num_heads=2, mlp_ratio=2.0, num_classes=5)
        shape, y = (2, 4, 4, 4), torch.tensor([3, 0])
        start, noise = draws.normal("latents", shape), draws.normal("noise", (count - 1, *shape))
        with torch.no_grad():
            end = sample(model, start.double(), y, spaced(count) if rule == "DDPM" else strided(count), rule,
                         noise.double(), w, low, high, guided, eta)
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {"inputs/latents": start, "inputs/noise": noise, "inputs/y": y, "outputs/x": end.contiguous()}
        metadata = {"config": config.parity_json(), "method": rule, "steps": count, "cfg": w, "low": low, "high": high,
                    "guided": guided, "eta": eta}
        topic.write(name, tensors, metadata, method=rule)
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    chains()
    losses()
    samples()
