"""Writes golden/checkpoint: checkpoints as the projects' trainers save them, and what their models compute.

Each NAME.pt is a real torch.save file with the keys, sections, prefixes and rows of one project; NAME.safetensors
holds inputs, and outputs of the averaged weights on the project's own time axis. Weights and inputs are float32
numbers; the model runs in float64 and results are rounded once.
"""

import argparse
import io
from collections import OrderedDict

import torch
from golden_file import Topic, single
from parity_cases import random_state
from sit_reference import SiT, SiTConfig

SEED = 20261123
MODULE = "maskalign-sit"


def base(**changes):
    values = dict(input_size=8, patch_size=2, in_channels=4, hidden_size=16, depth=2, num_heads=2, mlp_ratio=4.0,
                  num_classes=5, encoder_depth=1, z_dims=(), projector_dim=12, cls_dim=0, mixer_layers=0)
    return SiTConfig(**{**values, **changes})


# name: (family, config, purpose)
CASES = {
    "sit-official": ("sit-official", base(learn_sigma=True), "willisma/SiT: 2C rows, {model, ema, opt, args}"),
    "sit-official-c": ("sit-official", base(), "willisma/SiT with learn_sigma=False: nothing tells it from SiT here"),
    "repa": ("repa", base(z_dims=(10,)), "{model, ema, opt, args, steps}, the optimiser after a step"),
    "repa-ddp": ("repa", base(z_dims=(10, 6)), "a bare state dict of a compiled model inside DDP, two encoders"),
    "repa-legacy": ("repa-legacy", base(depth=3, z_dims=(10,)), "blocks after the alignment depth are decoder_blocks"),
    "repa-e": ("repa-e", base(z_dims=(10,)), "statistics of the latents beside the weights"),
    "irepa-conv": ("irepa", base(z_dims=(10,)), "a convolutional projector"),
    "irepa-mlp": ("irepa", base(z_dims=(10,)), "an MLP projector under iREPA's names"),
    "reg": ("reg", base(z_dims=(10,), cls_dim=10), "{model, ema, opt, args, steps}"),
    "reglue": ("reglue", base(in_channels=20, z_dims=(10,), cls_dim=10), "REG on 20 channels"),
    "redi": ("redi", base(in_channels=12, z_dims=(10,)), "12 channels, one projector without a number"),
    "maskalign": ("maskalign", base(z_dims=(10,), cls_dim=10, mixer_layers=2), "with the token mixer"),
}


def official_names(family, state, draws):
    """The same weights as the project's own model names them."""
    out = OrderedDict()
    for key, value in state.items():
        if family == "repa-legacy" and key.startswith("blocks.") and int(key.split(".")[1]) >= 1:
            _, number, rest = key.split(".", 2)
            key = f"decoder_blocks.{int(number) - 1}.{rest}"
        elif family == "redi" and key.startswith("projectors.0."):
            key = key.replace("projectors.0.", "projector.")
        elif family == "irepa":
            key = key.replace("projectors.0.", "projectors.0.projection_layer.")
        out[key] = value
    if family == "repa-e":
        out["bn.running_mean"] = draws.normal("bn.running_mean", (4,))
        out["bn.running_var"] = draws.uniform("bn.running_var", (4,), 0.5, 2.0)
        out["bn.num_batches_tracked"] = torch.tensor(7)
    return out


def with_convolution(state, draws):
    rest = OrderedDict((key, value) for key, value in state.items() if not key.startswith("projectors."))
    rest["projectors.0.projection_layer.weight"] = draws.normal("conv.weight", (10, 16, 3, 3), 0.1)
    rest["projectors.0.projection_layer.bias"] = draws.normal("conv.bias", (10,), 0.1)
    return rest


def optimiser(state):
    """AdamW's state dict after one step over all weights but the table, as the trainers leave it."""
    parameters = [torch.nn.Parameter(value.clone(), requires_grad=key != "pos_embed") for key, value in state.items()]
    adam = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.0)
    sum(p.sum() for p in parameters if p.requires_grad).backward()
    adam.step()
    return adam.state_dict()


def stored(name, family, ema, live, draws):
    if name == "repa-ddp":
        return OrderedDict((f"module._orig_mod.{key}", value) for key, value in ema.items())
    content = {"ema": ema}
    if name in ("sit-official", "repa", "reg"):
        content = {"model": live, "ema": ema, "opt": {"state": {}, "param_groups": []}}
    if name == "repa":
        content["opt"] = optimiser(live)
    content["args"] = argparse.Namespace(model="SiT-XS/2", cfg_prob=0.1, exp_name=name)
    if family != "sit-official":
        content["steps"] = 400000
    return content


def main():
    torch.set_num_threads(1)
    topic = Topic(MODULE, "checkpoint", "checkpoint_cases.py", SEED, {"outputs": 1e-5}, [
        "NAME.pt: torch.save as the project's trainer does it. NAME.safetensors: inputs and outputs.",
        "Outputs are of the section ema (or the only one), on the project's own time axis, rounded once from float64.",
        "sit-official, repa and reg hold model, ema and opt, repa's opt is AdamW's after one step; others hold ema.",
    ])
    for name, (family, config, purpose) in CASES.items():
        draws = topic.draws(name)
        state = random_state(SiT(config), draws)
        model = SiT(config).double().eval()
        model.load_state_dict({key: value.double() for key, value in state.items()})
        other = topic.draws(f"{name}/live")
        live = random_state(SiT(config), other)
        ema = official_names(family, state, draws)
        live = official_names(family, live, other)
        if name == "irepa-conv":
            ema, live = with_convolution(ema, draws), with_convolution(live, other)

        size = config.input_size
        inputs = {
            "x": draws.normal("inputs/x", (3, config.in_channels, size, size)),
            "t": draws.uniform("inputs/t", (3,), 0.05, 0.95),
            "y": torch.tensor([1, 4, 5]),  # the last is "no class"
        }
        if config.cls_dim:
            inputs["cls"] = draws.normal("inputs/cls", (3, config.cls_dim))
        output = model(**{key: value.double() if value.is_floating_point() else value for key, value in inputs.items()})
        tensors = {f"inputs/{key}": value for key, value in inputs.items()}
        tensors["outputs/v"] = single(output.velocity)
        if name != "irepa-conv":
            tensors |= {f"outputs/z.{k}": single(z) for k, z in enumerate(output.z)}
        if output.cls is not None:
            tensors["outputs/cls"] = single(output.cls)

        buffer = io.BytesIO()
        torch.save(stored(name, family, ema, live, draws), buffer)
        topic.write_bytes(f"{name}.pt", buffer.getvalue(), family=family, purpose=purpose)
        topic.write(name, tensors, {"family": family, "config": config.parity_json()}, family=family)
    topic.close()


if __name__ == "__main__":
    main()
