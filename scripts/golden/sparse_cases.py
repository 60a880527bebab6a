"""Writes golden/sparse, SPRINT's training loss with all gradients, and golden/sparse-samples, path-drop guidance."""

import torch

from golden_file import Topic, single
from losses_reference import alignment_loss, linear, noised, velocity_target
from parity_cases import base, random_state
from samplers_reference import Guidance, euler_maruyama, ode
from sit_reference import gather, with_class_token
from sparse_reference import Sparse, SparseSiT, one_of_each_window

SEED = 20261202
BETA, COEFF = 0.03, 0.5

# name: (config, class token, dense blocks, kept: 0 all, -1 one of each window, or a number, dropped paths)
CASES = {
    "plain": ({"depth": 4}, False, 1, -1, None),
    "cls-align-inside": ({"depth": 5, "encoder_depth": 3, "z_dims": (20,)}, True, 2, -1, [0, 1, 0]),
    "align-last-inside": ({"depth": 4, "encoder_depth": 3, "z_dims": (20,)}, False, 1, 7, [1, 0, 0]),
    "align-before": ({"depth": 4, "encoder_depth": 1, "z_dims": (20,)}, False, 1, 4, [0, 0, 1]),
    "align-behind": ({"depth": 4, "encoder_depth": 4, "z_dims": (20,)}, True, 1, 4, [0, 0, 0]),
    "all-tokens": ({"depth": 3, "encoder_depth": 2, "z_dims": (20,)}, True, 1, 0, [0, 1, 0]),
    "mixer": ({"depth": 3, "mixer_layers": 1}, False, 1, 4, [0, 1, 1]),
}
# name: (class token, method, steps, guidance)
SAMPLES = {
    "euler": (False, "EULER", 12, Guidance(3.0, 0.0, 1.0, 0.0, 5)),
    "euler-interval": (False, "EULER", 12, Guidance(3.0, 0.2, 0.8, 0.0, 5)),
    "heun-cls": (True, "HEUN", 8, Guidance(2.5, 0.0, 0.9, 1.5, 5)),
    "euler-maruyama-cls": (True, "EULER_MARUYAMA", 20, Guidance(3.0, 0.0, 0.85, 3.0, 5)),
}


def build(config, sparse, draws):
    model = SparseSiT(config, sparse).double().eval()
    state = random_state(model, draws)
    model.load_state_dict({key: value.double() for key, value in state.items()})
    return model, state


def losses():
    topic = Topic("maskalign-sit", "sparse", "sparse_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = velocity + beta cls + coeff align, all in float64; inputs as in placements, and",
        "path_dropped (N), 1 where the sparse blocks' result is the mask token altogether.",
        "dense in the metadata: first blocks, and as many last ones, on all tokens. Tap inside: kept tokens; else all.",
    ])
    for name, (changes, cls, dense, kept, dropped) in CASES.items():
        draws = topic.draws(name)
        config = base(**{"hidden_size": 24, "z_dims": (), "projector_dim": 28, "cls_dim": 20 if cls else 0, **changes})
        model, state = build(config, Sparse(dense), draws)
        n, t = 3, config.tokens
        image = (n, config.in_channels, config.input_size, config.input_size)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes)}
        if config.z_dims or cls:
            inputs["targets.0"] = draws.normal("targets.0", (n, 1 + t, 20), 1.5)
        if kept:
            inputs["keep"] = (one_of_each_window(draws, "keep", n, config.grid) if kept < 0
                              else draws.subset("keep", n, t, kept))
        if cls:
            inputs["cls_noise"] = draws.normal("cls_noise", (n, 20))
        if dropped:
            inputs["path_dropped"] = torch.tensor(dropped, dtype=torch.float32)
        given = {key: value.double() if value.is_floating_point() else value for key, value in inputs.items()}
        target, keep, time = given.get("targets.0"), given.get("keep"), given["t"]
        g = noised(linear, target[:, 0], given["cls_noise"], time) if cls else None
        out = model(noised(linear, given["x"], given["noise"], time), time, given["y"], g, keep,
                    given.get("path_dropped"))
        found = {"velocity": (out.velocity - velocity_target(linear, given["x"], given["noise"], time)).square().mean()}
        total = found["velocity"]
        if cls:
            goal = velocity_target(linear, target[:, 0], given["cls_noise"], time)
            found["class"] = (out.cls - goal).square().mean()
            total = total + BETA * found["class"]
        if config.z_dims:
            aim = target if cls else target[:, 1:]
            if keep is not None and dense < config.encoder_depth <= config.depth - dense:
                aim = gather(aim, with_class_token(keep) if cls else keep)
            found["align"] = alignment_loss(out.z[0], aim)
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
        metadata = {"config": config.parity_json(), "dense": dense, "beta": BETA, "coeff": COEFF}
        topic.write(name, tensors, metadata, class_token=cls)
    topic.close()


def samples():
    topic = Topic("maskalign-sit", "sparse-samples", "sparse_cases.py", SEED, {"relative": 1e-5}, [
        "As joint, for SPRINT's model and path-drop guidance: the unconditional half has the null label and, in place of",
        "what the sparse blocks make, the mask token.",
    ])
    for name, (cls, method, steps, guidance) in SAMPLES.items():
        draws = topic.draws(name)
        config = base(input_size=8, hidden_size=24, depth=3, num_heads=2, mlp_ratio=2.0, num_classes=5,
                      cls_dim=12 if cls else 0)
        model, state = build(config, Sparse(1), draws)

        def field(now, t, y):
            out = model(now[0], t.expand(len(y)), y, now[1] if cls else None,
                        path_dropped=y == guidance.null_class)
            return [out.velocity, out.cls] if cls else [out.velocity]

        y = torch.tensor([3, 0])
        shapes = {"latents": (2, 4, 8, 8), **({"cls_latents": (2, 12)} if cls else {})}
        start = {key: draws.normal(key, shape) for key, shape in shapes.items()}
        begin, noise = [value.double() for value in start.values()], {}
        with torch.no_grad():
            if method == "EULER_MARUYAMA":
                noise = {key: draws.normal(key, (steps - 1, *shape))
                         for key, shape in zip(("noise", "cls_noise"), shapes.values())}
                pairs = [[part[i].double() for part in noise.values()] for i in range(steps - 1)]
                run = euler_maruyama(field, begin, y, steps, pairs, linear, guidance)
            else:
                run = ode(field, begin, y, steps, guidance, heun=method == "HEUN")
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in {**start, **noise, "y": y}.items()}
        tensors |= {f"outputs/{key}": value.contiguous() for key, value in zip(("x", "cls"), run.states[-1])}
        metadata = {"config": config.parity_json(), "dense": 1, "method": method, "steps": steps, "cfg": guidance.w,
                    "cls_cfg": guidance.w_cls, "low": guidance.low, "high": guidance.high}
        topic.write(name, tensors, metadata, method=method)
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    losses()
    samples()
