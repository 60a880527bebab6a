"""Writes golden/placements: the whole training loss for every place of the subset, with all gradients."""

import json

import torch

from golden_file import Topic, single
from losses_reference import training_loss
from parity_cases import base, build
from sit_reference import SiTConfig

SEED = 20260611
BETA, COEFF, RATIO = 0.03, 0.5, 0.25

# name: (placement, class token, mixer layers, further config, kept of 16 tokens)
CASES = {
    "none-cls": ("NONE", True, 0, {}, 0),
    "none": ("NONE", False, 0, {}, 0),
    "drop-cls": ("DROP", True, 2, {"depth": 2, "encoder_depth": 1}, 12),
    "drop": ("DROP", False, 1, {"depth": 2, "encoder_depth": 2}, 12),
    "drop-cls-no-mixer": ("DROP", True, 0, {}, 7),
    "loss-only-cls": ("LOSS_ONLY", True, 0, {}, 12),
    "loss-only": ("LOSS_ONLY", False, 0, {}, 12),
    "route-cls": ("ROUTE", True, 0, {"depth": 4, "route_start": 1, "route_end": 2, "encoder_depth": 2}, 8),
    "route": ("ROUTE", False, 0, {"depth": 4, "route_start": 1, "route_end": 2, "encoder_depth": 3}, 8),
    "route-cls-tap-outside": ("ROUTE", True, 0, {"depth": 4, "route_start": 1, "route_end": 2, "encoder_depth": 4}, 8),
    "drop-reinsert-cls": ("DROP_REINSERT", True, 1, {"depth": 2}, 8),
    "drop-reinsert": ("DROP_REINSERT", False, 0, {}, 8),
    "drop-two-encoders": ("DROP", True, 1, {"depth": 2, "z_dims": (20, 12)}, 12),
}


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-sit", "placements", "placement_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = velocity + beta * cls + coeff * align, linear path, evaluation mode; losses are float64.",
        "inputs: x clean latent, noise, t, y, targets.k (N, 1+T, Z_k) clean encoder tokens with the class token",
        "first, keep (N, K), and with a class token cls (= row 0 of targets.0) and cls_noise (N, Z_0).",
        "Without a class token row 0 of the targets is unused. NONE: all tokens, keep absent.",
        "DROP: velocity over kept patches. Others: velocity over all pixels.",
        "Alignment covers {class} and keep, except NONE and a ROUTE tap outside [start+1, end+1]: all tokens.",
        "ROUTE: 0-based blocks start..end, both inclusive, see the kept tokens; a tap after block `end` too.",
        "DROP_REINSERT: mask_token (1, 1, D) fills the dropped places before the final layer, no position added.",
    ])
    for name, (placement, cls, mixer, changes, kept) in CASES.items():
        draws = topic.draws(name)
        config = base(**{"hidden_size": 24, "z_dims": (20,), "projector_dim": 28, "cls_dim": 20 if cls else 0,
                         "mixer_layers": mixer, **changes})
        config = SiTConfig(**{**vars(config), "placement": placement})
        model, state = build(config, draws)
        n, size = 3, config.input_size
        image = (n, config.in_channels, size, size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes)}
        for k, z in enumerate(config.z_dims):
            inputs[f"targets.{k}"] = draws.normal(f"targets.{k}", (n, 1 + config.tokens, z), 1.5)
        if kept:
            inputs["keep"] = draws.subset("keep", n, config.tokens, kept)
        if cls:
            inputs["cls"] = inputs["targets.0"][:, 0].contiguous()
            inputs["cls_noise"] = draws.normal("cls_noise", (n, config.cls_dim))
        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        losses = training_loss(model, given["x"], given["noise"], given["t"], given["y"],
                               [given[f"targets.{k}"] for k in range(len(config.z_dims))], given.get("keep"),
                               given.get("cls_noise"), BETA, COEFF)
        losses.total.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        assert all(grad is not None and grad.norm() > 1e-7 for grad in grads.values()), name
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in losses._asdict().items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        family = ("maskalign" if placement != "NONE" else "reg") if cls else "repa"
        metadata = {"family": family, "config": config.parity_json(), "placement": placement, "beta": BETA,
                    "coeff": COEFF, "ratio": 1 - kept / config.tokens if kept else 0,
                    "route": json.dumps([config.route_start, config.route_end] if placement == "ROUTE" else [])}
        topic.write(name, tensors, metadata, placement=placement, class_token=cls)
    topic.close()


if __name__ == "__main__":
    main()
