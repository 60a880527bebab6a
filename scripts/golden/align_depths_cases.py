"""Writes golden/align-depths: the whole loss of models whose projectors read hidden tokens at depths of their own.

Hidden tokens are read with PyTorch's forward hooks; the model that sit_reference.py describes knows one depth alone.
"""

import json

import torch

from family_loss_cases import BETA, COEFF, Taps
from golden_file import Topic, single
from losses_reference import alignment_loss, linear, noised, velocity_loss, velocity_target
from parity_cases import base, random_state
from sit_reference import SiT, SiTConfig, gather, with_class_token

SEED = 20261203

# name: (class token, depths, widths of the encoders, placement, kept of 16)
CASES = {
    "two-encoders": (False, (1, 3), (20, 12), "NONE", 0),
    "two-encoders-cls": (True, (3, 1), (20, 12), "NONE", 0),
    "same-depth": (False, (2, 2), (20, 12), "NONE", 0),
    "one-encoder": (False, (1, 4), (20,), "NONE", 0),  # the same tokens for both projectors
    "drop-cls": (True, (1, 3), (20, 12), "DROP", 9),
    "route-cls": (True, (1, 3, 4), (20, 12, 16), "ROUTE", 9),  # before, in and behind the blocks of the route
}
ROUTE = (1, 2)


def main():
    topic = Topic("maskalign-sit", "align-depths", "align_depths_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = velocity + beta cls + coeff align, align the mean over the projectors; projector k reads the hidden",
        "tokens behind block depths[k], counted from 1. targets.k are the tokens of encoder k, class token first; one encoder",
        "serves all projectors. route: 0-based blocks, both inclusive, that see the kept tokens.",
    ])
    for name, (cls, depths, widths, placement, kept) in CASES.items():
        draws = topic.draws(name)
        z_dims = tuple(widths[min(k, len(widths) - 1)] for k in range(len(depths)))
        config = base(hidden_size=24, depth=4, encoder_depth=4, z_dims=z_dims, projector_dim=28, cls_dim=20 if cls else 0)
        route = dict(route_start=ROUTE[0], route_end=ROUTE[1]) if placement == "ROUTE" else {}
        config = SiTConfig(**{**vars(config), "placement": placement, **route})
        model = SiT(config).double().eval()
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        taps = Taps(model)

        n, size, t = 3, config.input_size, config.tokens
        image = (n, config.in_channels, size, size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes)}
        for k, width in enumerate(widths):
            inputs[f"targets.{k}"] = draws.normal(f"targets.{k}", (n, 1 + t, width), 1.5)
        if kept:
            inputs["keep"] = draws.subset("keep", n, t, kept)
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, 20))

        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        keep, first, g = given.get("keep"), given["targets.0"], None
        if cls:
            g = noised(linear, first[:, 0], given["cls_noise"], given["t"])
        out = model(noised(linear, given["x"], given["noise"], given["t"]), given["t"], given["y"], g, keep)
        goal = velocity_target(linear, given["x"], given["noise"], given["t"])
        losses = {"velocity": velocity_loss(out.velocity, goal, config.patch_size, keep if placement == "DROP" else None).mean()}
        total = losses["velocity"]
        if cls:
            aim = velocity_target(linear, first[:, 0], given["cls_noise"], given["t"])
            losses["class"] = (out.cls - aim).square().mean()
            total = total + BETA * losses["class"]
        terms = []
        for k, depth in enumerate(depths):
            aim = given[f"targets.{min(k, len(widths) - 1)}"]
            aim = aim if cls else aim[:, 1:]
            if placement == "DROP" or placement == "ROUTE" and ROUTE[0] < depth <= ROUTE[1] + 1:
                aim = gather(aim, with_class_token(keep) if cls else keep)
            terms.append(alignment_loss(model.projectors[k](taps.hidden[depth]), aim))
        losses["align"] = sum(terms) / len(terms)
        total = total + COEFF * losses["align"]
        losses["total"] = total
        model.zero_grad()
        total.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        assert all(grad is not None and grad.norm() > 1e-7 for grad in grads.values()), name
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in losses.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        topic.write(name, tensors, {
            "family": "reg" if cls else "repa", "config": config.parity_json(), "placement": placement, "beta": BETA,
            "coeff": COEFF, "depths": json.dumps(depths), "route": json.dumps(ROUTE)})
    topic.close()


if __name__ == "__main__":
    main()
