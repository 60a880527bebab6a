"""Writes golden/parity_kinds (sit) and golden/parity_preprocess (encoders): parity cases of the other kinds.

`loss`, `train`, `sample` and `preprocess`, by the references of this folder and by PyTorch's own AdamW and clipping.
Weights and inputs are float32 numbers, everything runs in float64, results are rounded once or stay float64.
"""

import copy

import torch

import preprocess_cases
from golden_file import Topic, single
from losses_reference import cosine, linear, training_loss
from parity_cases import MODULE, base, random_state
from qk_norm_cases import attention
from samplers_reference import Guidance, euler_maruyama, ode
from sit_reference import SiT, SiTConfig

SEED = 20261130
PATHS = {"linear": linear, "cosine": cosine}
SMALL = dict(hidden_size=24, num_heads=3, depth=2, encoder_depth=1, projector_dim=28)
CONFIGS = {
    "sit": base(**SMALL),
    "repa": base(**SMALL, z_dims=(20, 12)),
    "reg": base(**SMALL, z_dims=(20,), cls_dim=20),
    "maskalign": base(**SMALL, z_dims=(20,), cls_dim=20, mixer_layers=1),
    "sit-official": base(**SMALL, learn_sigma=True),
}
KEPT = 11  # of 16
BETA, LAMBDA = 0.03, 0.5


def model_of(family, draws, qk_norm=False):
    placement = "DROP" if family == "maskalign" else "NONE"
    config = SiTConfig(**{**vars(CONFIGS[family]), "placement": placement})
    model = SiT(config).double().eval()
    if qk_norm:
        for block in model.blocks:
            block.attn = attention(config.hidden_size, config.num_heads)
    state = random_state(model, draws)
    for key in state:
        if key.endswith(("q_norm.weight", "k_norm.weight")):
            state[key] = draws.normal(key, state[key].shape, 0.2, mean=1.0)
    model.load_state_dict({key: value.double() for key, value in state.items()})
    return model, config, state


def loss_inputs(family, config, draws, n=3):
    image = (n, config.in_channels, config.input_size, config.input_size)
    inputs = {"clean": draws.normal("clean", image), "noise": draws.normal("noise", image),
              "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes),
              "dropped": (draws.uniform("dropped", (n,)) < 0.4).to(torch.float32)}
    for k, z in enumerate(config.z_dims):
        inputs[f"targets.{k}"] = draws.normal(f"targets.{k}", (n, 1 + config.tokens, z), 1.5)
    if config.cls_dim:
        inputs["class_noise"] = draws.normal("class_noise", (n, config.cls_dim))
    if family == "maskalign":
        inputs["keep"] = draws.subset("keep", n, config.tokens, KEPT)
    return inputs


def losses_of(model, config, inputs, path):
    given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
    y = torch.where(given["dropped"] > 0, torch.full_like(given["y"], config.num_classes), given["y"])
    return training_loss(model, given["clean"], given["noise"], given["t"], y,
                         [given[f"targets.{k}"] for k in range(len(config.z_dims))], given.get("keep"),
                         given.get("class_noise"), BETA, LAMBDA, path=PATHS[path])


def named(losses, config):
    out = {"total": losses.total, "velocity": losses.velocity}
    out |= {"alignment": losses.align} if config.z_dims else {}
    out |= {"class_velocity": losses.cls} if config.cls_dim else {}
    return {key: value.detach() for key, value in out.items()}


def gradients(model):
    return {key: single(value.grad) for key, value in model.named_parameters() if value.grad is not None}


def loss_case(topic, name, family, path, qk_norm=False):
    draws = topic.draws(name)
    model, config, state = model_of(family, draws, qk_norm)
    inputs = loss_inputs(family, config, draws)
    losses = losses_of(model, config, inputs, path)
    losses.total.backward()
    tensors = {f"weights/{key}": value for key, value in state.items()}
    tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
    tensors |= {f"outputs/{key}": value for key, value in named(losses, config).items()}
    tensors |= {f"grads/{key}": value for key, value in gradients(model).items()}
    topic.write(name, tensors, {"kind": "loss", "family": family, "config": config.parity_json(), "path": path,
                                "lambda": LAMBDA, "beta": BETA, "qk_norm": str(qk_norm).lower(),
                                "source": "scripts/golden"}, kind="loss", family=family)


def train_case(topic, name, family, path, steps=4, lr=1e-3, wd=0.1, clip=1.0, decay=0.9):
    draws = topic.draws(name)
    model, config, state = model_of(family, draws)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=wd)
    tensors = {f"weights/{key}": value for key, value in state.items()}
    for k in range(steps):
        inputs = loss_inputs(family, config, topic.draws(f"{name}/{k}"))
        losses = losses_of(model, config, inputs, path)
        optimizer.zero_grad()
        losses.total.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        with torch.no_grad():
            for mean, value in zip(average.parameters(), model.parameters()):
                mean.mul_(decay).add_(value, alpha=1 - decay)
        tensors |= {f"step{k}/{key}": value for key, value in inputs.items()}
        tensors |= {f"step{k}/{key}": value for key, value in named(losses, config).items()}
        tensors[f"step{k}/norm"] = norm.detach()
    tensors |= {f"after/{key}": single(value) for key, value in model.state_dict().items()}
    tensors |= {f"ema/{key}": single(value) for key, value in average.state_dict().items()}
    topic.write(name, tensors, {"kind": "train", "family": family, "config": config.parity_json(), "path": path,
                                "lambda": LAMBDA, "beta": BETA, "steps": steps, "lr": lr, "wd": wd, "clip": clip,
                                "decay": decay, "qk_norm": "false", "source": "scripts/golden"},
                kind="train", family=family)


def sample_case(topic, name, family, method, steps, cfg, cls_cfg=0.0, low=0.0, high=1.0, path="linear"):
    draws = topic.draws(name)
    model, config, state = model_of(family, draws)
    n, image = 2, (config.in_channels, config.input_size, config.input_size)
    official = family == "sit-official"
    inputs = {"latents": draws.normal("latents", (n, *image)), "y": draws.integers("y", (n,), config.num_classes)}
    begin = [inputs["latents"].double()]
    if config.cls_dim:
        inputs["cls_latents"] = draws.normal("cls_latents", (n, config.cls_dim))
        begin.append(inputs["cls_latents"].double())
    if method == "EULER_MARUYAMA":
        inputs["noise"] = draws.normal("noise", (steps - 1, n, *image), dtype=torch.float64)
        if config.cls_dim:
            inputs["cls_noise"] = draws.normal("cls_noise", (steps - 1, n, config.cls_dim), dtype=torch.float64)

    def field(x, t, y):
        t = t.expand(n)
        out = model(x[0], 1 - t if official else t, y, x[1] if config.cls_dim else None)
        return [-out.velocity] if official else [out.velocity, *([out.cls] if config.cls_dim else [])]

    # SiT's forward_with_cfg guides the first 3 channels
    guidance = Guidance(cfg, low, high, cls_cfg, config.num_classes, 3 if official else 0)
    with torch.no_grad():
        if method == "EULER_MARUYAMA":
            noise = [[inputs[key][i] for key in ("noise", "cls_noise") if key in inputs] for i in range(steps - 1)]
            end = euler_maruyama(field, begin, inputs["y"], steps, noise, PATHS[path], guidance).states[-1]
        else:
            end = ode(field, begin, inputs["y"], steps, guidance, heun=method == "HEUN").states[-1]
    tensors = {f"weights/{key}": value for key, value in state.items()}
    tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
    tensors |= {f"outputs/{key}": value for key, value in zip(("x", "cls"), end)}
    topic.write(name, tensors, {"kind": "sample", "family": family, "config": config.parity_json(), "path": path,
                                "method": method, "steps": steps, "cfg": cfg, "cls_cfg": cls_cfg, "low": low,
                                "high": high, "last": 0.04, "diffusion": "TWO_T", "source": "scripts/golden"},
                kind="sample", family=family)


def preprocess_case():
    topic = Topic("maskalign-encoders", "parity_preprocess", "parity_kind_cases.py", SEED, {"outputs": 1e-5}, [
        "images (N, 3, H, H), uint8, and for each preprocessing a tensor of its name, (N, 3, h, h).",
    ])
    images = topic.draws("pictures").integers("images", (2, 3, 256, 256), 256).to(torch.uint8)
    tensors = {"images": images[:1]}
    for name in ("dinov2", "clip"):
        _, divisor, _ = preprocess_cases.CASES[name]
        x = images[:1].float() / divisor
        if name == "clip":
            x = preprocess_cases.normalise(preprocess_cases.resize(x, 224), *preprocess_cases.CLIP)
        else:
            x = preprocess_cases.resize(preprocess_cases.normalise(x, *preprocess_cases.IMAGENET), 224)
        tensors[name] = x.contiguous()
    topic.write("pictures", tensors, {"kind": "preprocess", "source": "scripts/golden"})
    topic.close()


def main():
    torch.set_num_threads(1)
    topic = Topic(MODULE, "parity_kinds", "parity_kind_cases.py", SEED, {"outputs": 1e-5, "grads": 1e-4}, [
        "Metadata kind: loss (all draws given, gradients of the total), train (step<k>/* of each step, after/* and ema/*",
        "at its end), sample (the end of the way with given noise, float64). y is the null class where dropped is 1.",
    ])
    loss_case(topic, "loss-sit", "sit", "linear")
    loss_case(topic, "loss-sit-qk-norm", "sit", "linear", qk_norm=True)
    loss_case(topic, "loss-repa-cosine", "repa", "cosine")
    loss_case(topic, "loss-reg", "reg", "linear")
    loss_case(topic, "loss-maskalign", "maskalign", "linear")
    train_case(topic, "train-maskalign", "maskalign", "linear")
    train_case(topic, "train-repa-cosine", "repa", "cosine", clip=0.3)
    sample_case(topic, "sample-sit-euler", "sit", "EULER", 5, 1.0)
    sample_case(topic, "sample-repa-heun-cosine", "repa", "HEUN", 4, 2.0, high=0.7, path="cosine")
    sample_case(topic, "sample-reg-sde", "reg", "EULER_MARUYAMA", 6, 1.8, 2.3, high=0.85)
    sample_case(topic, "sample-maskalign-sde", "maskalign", "EULER_MARUYAMA", 5, 1.5)
    sample_case(topic, "sample-sit-official-euler", "sit-official", "EULER", 5, 1.5)
    topic.close()
    preprocess_case()


if __name__ == "__main__":
    main()
