"""Writes golden/auto-stop: the cosine of the gradients of a model's alignment terms and of its denoising loss.

Over the parameters that both reach: those for which torch.autograd.grad gives a gradient, and not None, for both.
"""

import json

import torch

from family_loss_cases import BETA, COEFF, Taps
from family_terms_cases import attention_distillation
from golden_file import Topic, single
from losses_reference import alignment_loss, linear, noised, velocity_loss, velocity_target
from parity_cases import base, random_state
from sit_reference import SiT

SEED = 20261202
ATTENTION = {"coeff": 0.5, "blocks": [1, 2], "encoderBlocks": [3, 5]}

# name: (class token, attention term, whether alignment is among the terms that stop)
CASES = {
    "align": (False, None, True),
    "haste": (False, ATTENTION, True),
    "attention-cls": (True, ATTENTION, False),
}


def gradient(loss, parameters):
    return torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)


def main():
    topic = Topic("maskalign-sit", "auto-stop", "auto_stop_cases.py", SEED, {"cosine": 1e-4}, [
        "outputs/cosine: of the gradients of coeff align + the attention term by its weight, as far as they are among the",
        "terms that stop, and of velocity + beta cls, in float64. inputs as in family-losses. shared: parameters compared.",
    ])
    for name, (cls, attention, aligns) in CASES.items():
        draws = topic.draws(name)
        config = base(hidden_size=24, z_dims=(20,), projector_dim=28, cls_dim=20 if cls else 0)
        model = SiT(config).double().eval()
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        taps = Taps(model)

        n, size, t = 3, config.input_size, config.tokens
        image = (n, config.in_channels, size, size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes),
                  "targets.0": draws.normal("targets.0", (n, 1 + t, 20), 1.5)}
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, 20))
        for k in (attention or {}).get("encoderBlocks", []):
            inputs[f"attention.{k}"] = draws.normal(f"attention.{k}", (n, 2, 1 + t, 1 + t), 2.0)

        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        target = given["targets.0"]
        g = noised(linear, target[:, 0], given["cls_noise"], given["t"]) if cls else None
        out = model(noised(linear, given["x"], given["noise"], given["t"]), given["t"], given["y"], g, None)
        goal = velocity_target(linear, given["x"], given["noise"], given["t"])
        denoising = velocity_loss(out.velocity, goal, config.patch_size, None).mean()
        if cls:
            aim = velocity_target(linear, target[:, 0], given["cls_noise"], given["t"])
            denoising = denoising + BETA * (out.cls - aim).square().mean()
        terms = torch.zeros((), dtype=torch.float64)
        if aligns:
            terms = terms + COEFF * alignment_loss(out.z[0], target if cls else target[:, 1:])
        if attention:
            pairs = [attention_distillation(taps.attention[b][:, :, 1:, 1:] if cls else taps.attention[b],
                                            given[f"attention.{k}"])
                     for b, k in zip(attention["blocks"], attention["encoderBlocks"])]
            terms = terms + attention["coeff"] * sum(pairs) / len(pairs)

        parameters = [value for value in model.parameters() if value.requires_grad]
        both = [(a.flatten(), d.flatten())
                for a, d in zip(gradient(terms, parameters), gradient(denoising, parameters))
                if a is not None and d is not None]
        one, other = (torch.cat(side) for side in zip(*both))
        cosine = torch.dot(one, other) / (one.norm() * other.norm())
        print(f"{name}: cosine {cosine.item():.4f} over {len(both)} of {len(parameters)} parameters")
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors["outputs/cosine"] = single(cosine.reshape(1))
        topic.write(name, tensors, {
            "family": "reg" if cls else "repa", "config": config.parity_json(), "beta": BETA, "coeff": COEFF, "aligns": str(aligns).lower(),
            "attention": json.dumps(attention), "shared": len(both)})
    topic.close()


if __name__ == "__main__":
    main()
