"""Writes golden/parity/*.safetensors: whole-model cases with outputs and gradients of L = ½ Σ mean(output²).

Every weight is random and non-zero, because the published zero initialisation would hide most errors.
Weights and inputs are float32 numbers; the model runs in float64 and results are rounded once.
"""

import json

import torch

from golden_file import Topic, single
from sit_reference import SiT, SiTConfig

SEED = 20260608
MODULE = "maskalign-sit"


def base(**changes):
    values = dict(input_size=8, patch_size=2, in_channels=4, hidden_size=48, depth=3, num_heads=3, mlp_ratio=4.0,
                  num_classes=10, encoder_depth=2, z_dims=(), projector_dim=40, cls_dim=0, mixer_layers=0)
    return SiTConfig(**{**values, **changes})


# name: (family, config, batch, kept patches, sorted subset, position table is exact, what it is for)
CASES = {
    "sit-p2": ("sit", base(hidden_size=36), 2, 0, True, True, "plain SiT"),
    "sit-p4-rgb": ("sit", base(input_size=16, patch_size=4, in_channels=3, hidden_size=32, num_heads=4, depth=2), 3,
                   0, True, True, "patch 4, three channels"),
    "sit-head72": ("sit", base(input_size=4, patch_size=2, hidden_size=72, num_heads=1, depth=1, mlp_ratio=1.0), 3,
                   0, True, True, "head width 72 as in XL, MLP ratio 1"),
    "sit-official-p2": ("sit-official", base(hidden_size=36, learn_sigma=True), 3, 0, True, True,
                        "2C rows, data at t = 1"),
    "sit-official-p4": ("sit-official", base(input_size=16, patch_size=4, hidden_size=32, num_heads=4, depth=2,
                                             learn_sigma=True), 2, 0, True, False, "2C rows, patch 4"),
    "repa-p2": ("repa", base(z_dims=(20,), num_heads=4), 2, 0, True, True, "one encoder"),
    "repa-p4": ("repa", base(input_size=16, patch_size=4, hidden_size=32, num_heads=4, depth=2, encoder_depth=1,
                             z_dims=(20,)), 3, 0, True, False, "patch 4, stored table differs from the formula"),
    "repa-two-encoders": ("repa", base(hidden_size=24, num_heads=3, encoder_depth=1, z_dims=(20, 12),
                                       projector_dim=28), 3, 0, True, True, "two projectors, depth 1"),
    "reg-p2": ("reg", base(hidden_size=36, z_dims=(20,), cls_dim=20), 2, 0, True, True, "class token"),
    "reg-p4": ("reg", base(input_size=16, patch_size=4, in_channels=3, hidden_size=32, num_heads=4, depth=2,
                           z_dims=(20,), cls_dim=20), 3, 0, True, False,
               "class token, patch 4, tap after the last block, non-zero table row of the class token"),
    "maskalign-p2": ("maskalign", base(hidden_size=36, z_dims=(20,), cls_dim=20, mixer_layers=2), 2, 12, True, True,
                     "the paper's form: 25 % dropped, two mixer blocks"),
    "maskalign-p4": ("maskalign", base(input_size=16, patch_size=4, hidden_size=32, num_heads=4, depth=2,
                                       encoder_depth=1, z_dims=(20,), cls_dim=20, mixer_layers=1), 3, 9, False, False,
                     "patch 4, kept tokens out of order, one mixer block"),
    "maskalign-no-mixer": ("maskalign", base(hidden_size=24, num_heads=4, z_dims=(20,), cls_dim=20), 3, 5, True, True,
                           "the ablation without mixing"),
}


def random_state(model, draws, exact_table=True):
    """Non-zero float32 values for every key; scales keep activations of order one."""
    state = {}
    for key, value in model.state_dict().items():
        if key == "pos_embed":
            state[key] = value.float() if exact_table else draws.normal(key, value.shape, 0.02).add_(value)
        elif key == "wg_norm.weight":
            state[key] = draws.normal(key, value.shape, 0.2, mean=1.0)
        elif key.endswith("bias"):
            state[key] = draws.normal(key, value.shape, 0.1)
        elif key in ("y_embedder.embedding_table.weight", "mask_token"):
            state[key] = draws.normal(key, value.shape, 0.2)
        else:  # Linear and Conv weights
            fan_in = value[0].numel()
            state[key] = draws.normal(key, value.shape, min(0.2, fan_in**-0.5))
    return state


def build(config, draws, exact_table=True):
    """A float64 model in evaluation mode with random float32 weights, and those weights."""
    model = SiT(config).double().eval()
    state = random_state(model, draws, exact_table)
    model.load_state_dict({key: value.double() for key, value in state.items()})
    return model, state


def inputs_of(config, family, batch, kept, ordered, draws):
    size = config.input_size
    inputs = {
        "x": draws.normal("inputs/x", (batch, config.in_channels, size, size)),
        "t": draws.uniform("inputs/t", (batch,), 0.05, 0.95),
        "y": draws.integers("inputs/y", (batch,), config.num_classes),
    }
    inputs["y"][-1] = config.num_classes  # the row of "no class"
    if config.cls_dim:
        inputs["cls"] = draws.normal("inputs/cls", (batch, config.cls_dim))
    if family == "maskalign":
        inputs["keep"] = draws.subset("inputs/keep", batch, config.tokens, kept, ordered)
    return inputs


def write(topic, name, case, named_only=None):
    """Writes one case; `named_only` holds what its config says beside the model that it has."""
    family, config, batch, kept, ordered, exact_table, purpose = case
    draws = topic.draws(name)
    if family == "maskalign":
        config = SiTConfig(**{**vars(config), "placement": "DROP"})
    model, state = build(config, draws, exact_table)
    inputs = inputs_of(config, family, batch, kept, ordered, draws)
    given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
    output = model(**given)
    outputs = {"v": output.velocity, **{f"z.{k}": z for k, z in enumerate(output.z)}}
    if output.cls is not None:
        outputs["cls"] = output.cls
    tensors = {f"weights/{key}": value for key, value in state.items()}
    tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
    tensors |= {f"outputs/{key}": single(value) for key, value in outputs.items()}
    if family != "sit-official":
        loss = sum(0.5 * value.square().mean() for value in outputs.values())
        loss.backward()
        grads = {key: value.grad for key, value in model.named_parameters() if value.requires_grad}
        assert all(grad is not None and grad.norm() > 1e-6 for grad in grads.values()), name
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
    named = json.dumps({**json.loads(config.parity_json()), **(named_only or {})})
    metadata = {"family": family, "config": named, "loss": "half_square"}
    topic.write(name, tensors, metadata, family=family, purpose=purpose)


def main():
    torch.set_num_threads(1)
    topic = Topic(MODULE, "parity", "parity_cases.py", SEED, {"outputs": 1e-5, "grads": 1e-4}, [
        "Relative error per tensor: |a - b| / |b| in the Euclidean norm, against float32 arithmetic.",
        "grads/* are of L = 1/2 sum over outputs/* of mean(output^2), evaluation mode. pos_embed is frozen.",
        "sit-official: raw t and raw velocity on the axis where t = 1 is data; no gradients.",
        "maskalign: outputs/v is in token space (N, K, p*p*C); outputs/z.0 covers [class token; kept patches].",
    ])
    for name, case in CASES.items():
        write(topic, name, case)
    topic.close()


if __name__ == "__main__":
    main()
