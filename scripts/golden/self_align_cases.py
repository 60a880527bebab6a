"""Writes golden/self-align: the training loss with the self-alignment of SRA, its teacher's tokens, and all gradients.

The teacher is a second model with weights of its own, as a moving average has; the arithmetic of the method is written
from the paper (arXiv 2505.02831) with PyTorch's own functions.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

from golden_file import Topic, single
from losses_reference import alignment_loss, linear, noised, velocity_loss, velocity_target
from parity_cases import base, random_state
from sit_reference import SiT, SiTConfig, gather, with_class_token

SEED = 20261201
BETA, COEFF = 0.03, 0.5

# name: (config, class token, kept of 16, the term)
CASES = {
    "plain": ({}, False, 0, {"coeff": 0.5, "block": 1, "teacherBlock": 3}),
    "token-cosine": ({}, False, 0, {"coeff": 0.5, "block": 1, "teacherBlock": 2, "legacyTokenCosine": True}),
    "far": ({"z_dims": (20,)}, True, 0, {"coeff": 0.8, "block": 2, "teacherBlock": 3, "maxTimeOffset": 0.9}),
    "drop": ({"mixer_layers": 1, "placement": "DROP", "z_dims": (20,)}, True, 9,
             {"coeff": 0.5, "block": 1, "teacherBlock": 2}),
    "route": ({"depth": 4, "placement": "ROUTE", "route_start": 1, "route_end": 2}, False, 7,
              {"coeff": 0.5, "block": 2, "teacherBlock": 4}),
}


class Head(nn.Module):
    """Two linear layers with SiLU between them, under the names of the authors' checkpoints."""

    def __init__(self, width):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        return self.linear2(F.silu(self.linear1(x)))


def build(config, draws):
    model = SiT(config).double().eval()
    model.ap_head = Head(config.hidden_size).double()
    state = random_state(model, draws)
    model.load_state_dict({key: value.double() for key, value in state.items()})
    return model, state


def behind(model, block, *inputs):
    """What a model predicts, and the hidden tokens behind one of its blocks."""
    seen = []
    hook = model.blocks[block - 1].register_forward_hook(lambda module, given, out: seen.append(out))
    out = model(*inputs)
    hook.remove()
    return out, seen[0]


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-sit", "self-align", "self_align_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = velocity + beta cls + coeff align + the term's coeff times selfAlign, which is 1 - mean cosine",
        "over channels, with legacyTokenCosine over tokens; average/* are the teacher's weights.",
        "teacher: its hidden tokens behind teacherBlock at max(0, t - maxTimeOffset u), same noise, all tokens.",
        "inputs as in placements; dropped says which labels become the null class, for both.",
    ])
    for name, (changes, cls, kept, term) in CASES.items():
        draws = topic.draws(name)
        config = base(**{"hidden_size": 24, "z_dims": (), "projector_dim": 28, "cls_dim": 20 if cls else 0,
                         **{key: value for key, value in changes.items() if key != "placement"}})
        placement = changes.get("placement", "NONE")
        config = SiTConfig(**{**vars(config), "placement": placement})
        model, state = build(config, draws)
        teacher, average = build(config, topic.draws(name + "/average"))

        n, size, tokens = 3, config.input_size, config.tokens
        image = (n, config.in_channels, size, size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes),
                  "u": draws.uniform("u", (n,)), "dropped": torch.tensor([0.0, 1.0, 0.0])}
        inputs["t"][0] = 0.0625  # below the offset: the teacher sees the data
        inputs["u"][0] = 0.75
        if cls or config.z_dims:
            inputs["targets.0"] = draws.normal("targets.0", (n, 1 + tokens, 20), 1.5)
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, 20))
        if kept:
            inputs["keep"] = draws.subset("keep", n, tokens, kept, ordered=False)

        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        x, noise, t, keep, target = (given.get(key) for key in ("x", "noise", "t", "keep", "targets.0"))
        y = torch.where(given["dropped"] == 1, config.num_classes, given["y"])
        later = (t - term.get("maxTimeOffset", 0.2) * given["u"]).clamp(0, 1)

        def cls_at(time):
            return noised(linear, target[:, 0], given["cls_noise"], time) if cls else None

        out, hidden = behind(model, term["block"], noised(linear, x, noise, t), t, y, cls_at(t), keep)
        with torch.no_grad():
            _, goal = behind(teacher, term["teacherBlock"], noised(linear, x, noise, later), later, y, cls_at(later))
        projected = model.ap_head(hidden)
        aim = goal
        if projected.shape[1] < goal.shape[1]:
            aim = gather(goal, with_class_token(keep) if cls else keep)
        axis = 1 if term.get("legacyTokenCosine") else 2
        losses = {"selfAlign": 1 - F.cosine_similarity(projected, aim, dim=axis).mean()}
        v = velocity_target(linear, x, noise, t)
        losses["velocity"] = velocity_loss(out.velocity, v, config.patch_size, keep).mean()
        total = losses["velocity"] + term["coeff"] * losses["selfAlign"]
        if cls:
            v_cls = velocity_target(linear, target[:, 0], given["cls_noise"], t)
            losses["class"] = (out.cls - v_cls).square().mean()
            total = total + BETA * losses["class"]
        if config.z_dims:
            at_tap = target if cls else target[:, 1:]
            if keep is not None:
                at_tap = gather(at_tap, with_class_token(keep) if cls else keep)
            losses["align"] = alignment_loss(out.z[0], at_tap)
            total = total + COEFF * losses["align"]
        losses["total"] = total
        total.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        assert all(grad is not None and grad.norm() > 1e-7 for grad in grads.values()), name
        assert all(value.grad is None for value in teacher.parameters()), name
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"average/{key}": value for key, value in average.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in losses.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        tensors["teacher"] = single(goal)
        metadata = {"family": "reg" if cls else "sit", "config": config.parity_json(), "placement": placement,
                    "beta": BETA, "coeff": COEFF, "terms": json.dumps({"selfAlign": term}, sort_keys=True),
                    "route": json.dumps([config.route_start, config.route_end])}
        topic.write(name, tensors, metadata, term=term)
    topic.close()


if __name__ == "__main__":
    main()
