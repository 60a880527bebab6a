"""Writes golden/transport: trajectories' ends of willisma/SiT's samplers on its own time axis, with its guidance."""

import torch

from golden_file import Topic
from parity_cases import build
from sit_reference import SiTConfig
from transport_reference import doubled, ode_euler, sde

SEED = 20260701
CONFIG = SiTConfig(input_size=4, patch_size=2, in_channels=4, hidden_size=24, depth=2, num_heads=2, mlp_ratio=2.0,
                   num_classes=5, encoder_depth=1, learn_sigma=True)

# name: (method, steps, guidance scale, guided channels, what it is for)
CASES = {
    "sde-cfg": ("EULER_MARUYAMA", 250, 1.5, 3, "the published setting: 3 of 4 channels, 250 steps, Mean last step"),
    "sde-cfg-strong": ("EULER_MARUYAMA", 40, 4.0, 3, "the scale of SiT's sample.py"),
    "sde-cfg-all": ("EULER_MARUYAMA", 40, 1.5, 4, "every channel"),
    "sde": ("EULER_MARUYAMA", 40, 1.0, 4, "no guidance"),
    "ode-cfg": ("EULER", 50, 1.5, 3, "Euler's rule, 3 of 4 channels"),
}


def end(model, method, steps, w, channels, given, dtype, last="Mean"):
    """The end state (N, C, H, W), all arithmetic in one data type."""
    x, y, noise = given["latents"].to(dtype), given["y"], given["noise"].to(dtype)

    def network(x, t, y):
        return model(x, t, y).velocity

    call, state, labels = doubled(network, x, y, w, channels, CONFIG.num_classes)
    if method == "EULER":
        return ode_euler(call, state, labels, steps)[: len(x)]
    if w != 1:  # the lower half has noise of its own, which nobody sees
        noise = torch.cat([noise, noise.flip(0)], dim=1)
    return sde(call, state, labels, steps, noise, last)[: len(x)]


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    topic = Topic("maskalign-sit", "transport", "transport_cases.py", SEED, {"relative": 1e-5}, [
        "Everything in float64, rounded once; the script asserts that float32 throughout, as SiT has it, ends within",
        "1e-5 of it. weights/*: a head of 2C rows, data at t = 1. inputs/noise (S-1, N, C, H, W): float32 numbers.",
        "channels: the first so many are guided, the others keep the conditional velocity (forward_with_cfg).",
        "diffusion TWO_T: w = 2 D with D = sigma, the form `sigma` of SiT with norm 1.",
        "The lower half of a doubled batch gets other noise than the upper one, as in SiT, where it decides nothing.",
    ])
    for name, (method, steps, w, channels, purpose) in CASES.items():
        model, state = build(CONFIG, topic.draws("weights"))
        draws = topic.draws(name)
        shape = (2, CONFIG.in_channels, CONFIG.input_size, CONFIG.input_size)
        given = {"latents": draws.normal("latents", shape), "y": torch.tensor([3, 0]),
                 "noise": draws.normal("noise", (steps - 1, *shape))}
        x = end(model, method, steps, w, channels, given, torch.float64)
        if method == "EULER_MARUYAMA":  # on the linear path these two are one, and not the published one
            euler, tweedie = (end(model, method, steps, w, channels, given, torch.float64, k) for k in ("Euler", "Tweedie"))
            assert (euler - tweedie).norm() / x.norm() < 1e-12 < (euler - x).norm() / x.norm(), name
        rounded = end(model.float(), method, steps, w, channels, given, torch.float32).double()
        assert (rounded - x).norm() / x.norm() < 1e-5, (name, (rounded - x).norm() / x.norm())
        inputs = given if method == "EULER_MARUYAMA" else {key: given[key] for key in ("latents", "y")}
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()} | {"outputs/x": x.contiguous()}
        metadata = {"kind": "sample", "family": "sit-official", "config": CONFIG.parity_json(), "method": method,
                    "steps": steps, "cfg": w, "cls_cfg": w, "low": 0.0, "high": 1.0, "last": 0.04,
                    "diffusion": "TWO_T", "path": "linear", "channels": channels}
        topic.write(name, tensors, metadata, purpose=purpose)
    topic.close()


if __name__ == "__main__":
    main()
