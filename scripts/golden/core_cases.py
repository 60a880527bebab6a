"""Writes golden/{embeddings,interpolants,losses,block}: the parts of maskalign-core, one by one."""

import torch

from golden_file import Topic, single
from losses_reference import (cosine, linear, noised, score, subset_alignment_loss, velocity_loss,
                              velocity_target)
from parity_cases import random_state
from sit_reference import SiTBlock, gather, position_table, time_features, tokenise, with_class_token

MODULE = "maskalign-core"
SEED = 20260609


def leaf(tensor):
    return tensor.double().requires_grad_()


def embeddings():
    topic = Topic(MODULE, "embeddings", "core_cases.py", SEED, {"position": 1e-7, "time_f32": 2e-7, "time": 1e-6}, [
        "Absolute errors. position-*: float64 table rounded to float32, (G*G, D), row-major tokens.",
        "position-B2/-XL2: only the rows named by tokens.",
        "time: features_f64 from float64 arithmetic, features_f32 from float32 arithmetic; t (M), (M, 256).",
    ])
    for width, grid in [(16, 4), (48, 3), (72, 2), (36, 5)]:
        tensors = {"table": single(position_table(width, grid))}
        topic.write(f"position-d{width}-g{grid}", tensors, {"width": width, "grid": grid})
    for name, width in [("B2", 768), ("XL2", 1152)]:
        tokens = torch.tensor([0, 1, 15, 16, 53, 200, 255])
        tensors = {"tokens": tokens, "rows": single(position_table(width, 16)[tokens])}
        topic.write(f"position-{name}", tensors, {"width": width, "grid": 16})
    t = torch.tensor([0.0, 1e-3, 0.04, 0.25, 0.37, 0.5, 0.7531, 0.996144578313253, 1.0])
    tensors = {"t": t, "features_f32": time_features(t), "features_f64": time_features(t.double())}
    topic.write("time", tensors, {"width": 256})
    topic.close()


def interpolants():
    topic = Topic(MODULE, "interpolants", "core_cases.py", SEED, {"relative": 1e-12}, [
        "float64. t = 0 data, t = 1 noise. t (M); coefficients (M); clean, noise, v, x_t, score (M, 5).",
        "score is left out at t = 0, where it is 0/0 or divides by zero; score_t and score belong together.",
    ])
    t = torch.tensor([0.0, 0.04, 0.1, 0.25, 0.37, 0.5, 0.8, 0.999, 1.0], dtype=torch.float64)
    for path in (linear, cosine):
        name = path.__name__
        draws = topic.draws(name)
        clean, noise, v = (draws.normal(key, (len(t), 5), dtype=torch.float64) for key in ("clean", "noise", "v"))
        x = noised(path, clean, noise, t)
        tensors = dict(zip(("alpha", "sigma", "alpha_dot", "sigma_dot"), path(t)), t=t, clean=clean, noise=noise, v=v)
        tensors |= {"x_t": x, "target": velocity_target(path, clean, noise, t)}
        tensors |= {"score_t": t[1:], "score": score(path, v[1:], x[1:], t[1:])}
        topic.write(name, tensors, {"path": name})
    topic.close()


def write_loss(topic, name, value, inputs, fixed, metadata, purpose):
    value.backward()
    tensors = {f"inputs/{key}": single(tensor) for key, tensor in inputs.items()}
    tensors |= {f"inputs/{key}": tensor for key, tensor in fixed.items()}
    tensors |= {f"grads/{key}": single(tensor.grad) for key, tensor in inputs.items() if tensor.grad is not None}
    tensors["value"] = value.detach()
    topic.write(name, tensors, metadata, purpose=purpose)


def losses():
    topic = Topic(MODULE, "losses", "core_cases.py", SEED, {"value": 1e-6, "grads": 1e-5}, [
        "Errors of float32 arithmetic: value absolute, grads relative per tensor. grads/k is d value / d inputs/k.",
        "velocity: mean squared error. Visible: (N, K, p*p*C) against kept rows of the tokenised target.",
        "align: -mean cosine over {class token} and keep; projected (N, T, Z), target (N, 1+T_all, Z), keep (N, K).",
        "align-zero-projected: the clamp at 1e-12 makes the gradient of a zero vector about 1e12 / count. It must be",
        "finite, and its rows must be compared apart from the others, because they drown them in any norm.",
    ])
    n, c, side, p, z = 3, 4, 6, 2, 7
    total, kept = (side // p) ** 2, 5
    draws = topic.draws("velocity")
    target = draws.normal("target", (n, c, side, side))
    keep = draws.subset("keep", n, total, kept, ordered=False)
    full = leaf(draws.normal("full", (n, c, side, side)))
    write_loss(topic, "velocity-all", velocity_loss(full, target.double(), p).mean(), {"predicted": full},
               {"target": target}, {"patch_size": p}, "all pixels")
    tokens = leaf(draws.normal("tokens", (n, total, p * p * c)))
    write_loss(topic, "velocity-all-tokens", velocity_loss(tokens, target.double(), p).mean(), {"predicted": tokens},
               {"target": target, "target_tokens": tokenise(target, p)}, {"patch_size": p}, "token space, all patches")
    visible = leaf(draws.normal("visible", (n, kept, p * p * c)))
    value = velocity_loss(visible, target.double(), p, keep).mean()
    write_loss(topic, "velocity-visible", value, {"predicted": visible},
               {"target": target, "keep": keep}, {"patch_size": p}, "kept patches only, out of order")

    draws = topic.draws("align")
    target = draws.normal("target", (n, 1 + total, z), 3.0)
    keep = draws.subset("keep", n, total, kept)

    def align(name, projected, teacher, keep, purpose):
        rows = teacher if keep is None else gather(teacher, with_class_token(keep))
        if projected.shape[1] == rows.shape[1]:  # some agreement, except where a vector is zero
            present = (projected != 0).any(dim=-1, keepdim=True)
            size = projected.abs().max() / 16  # a power of two apart, exact in float32
            projected = (projected.double() + 2.0 ** size.log2().floor() * rows.double() * present).float()
        projected = leaf(projected)
        fixed = {"target": teacher} if keep is None else {"target": teacher, "keep": keep}
        value = subset_alignment_loss(projected, teacher.double(), keep)
        write_loss(topic, name, value, {"projected": projected}, fixed, {}, purpose)

    everything = draws.normal("everything", (n, 1 + total, z))
    align("align-all", everything, target, None, "class token and all patches")
    align("align-subset-of-all", everything, target, keep, "all tokens projected, the loss over {class} and keep")
    align("align-visible", draws.normal("visible", (n, 1 + kept, z)), target, keep, "kept tokens projected")
    patches = draws.normal("patches", (n, total, z), 0.1)
    align("align-patches", patches, target[:, 1:].contiguous(), None, "plain REPA: no class token on either side")
    holes = target.clone()
    holes[0, 0], holes[1, 1 + keep[1, 2]] = 0, 0
    align("align-zero-target", draws.normal("zero", (n, 1 + kept, z)), holes, keep, "zero target vectors")
    zeros = draws.normal("zero", (n, 1 + kept, z))
    zeros[0, 0], zeros[2, 3] = 0, 0
    align("align-zero-projected", zeros, target, keep, "zero projected vectors")
    tiny = draws.normal("tiny", (n, 1 + kept, z), 1e-3)
    tiny[0, 1] *= 1e3
    align("align-uneven-norms", tiny, target * 100, keep, "norms over six orders of magnitude")

    draws = topic.draws("class")
    predicted = leaf(draws.normal("predicted", (n, z)))
    clean, noise, t = draws.normal("clean", (n, z)), draws.normal("noise", (n, z)), draws.uniform("t", (n,))
    wanted = velocity_target(linear, clean.double(), noise.double(), t.double())
    write_loss(topic, "class-token", (predicted - wanted).square().mean(), {"predicted": predicted},
               {"clean": clean, "noise": noise, "t": t, "target": single(wanted)}, {},
               "class-token velocity, linear path")
    topic.close()


def block():
    topic = Topic(MODULE, "block", "core_cases.py", SEED, {"outputs": 1e-5, "grads": 1e-4}, [
        "One adaLN-Zero block, random weights. outputs/y = block(x, c); x (N, T, D), c (N, D).",
        "grads/* are of L = sum(y * cotangent); relative errors per tensor against float32 arithmetic.",
    ])
    for width, heads, ratio, n, t in [(48, 3, 4.0, 3, 7), (72, 1, 2.0, 2, 5), (40, 5, 4.0, 1, 17)]:
        name = f"d{width}-h{heads}"
        draws = topic.draws(name)
        module = SiTBlock(width, heads, ratio).double()
        state = random_state(module, draws)
        module.load_state_dict({key: value.double() for key, value in state.items()})
        x, c = leaf(draws.normal("x", (n, t, width))), leaf(draws.normal("c", (n, width)))
        cotangent = draws.normal("cotangent", (n, t, width))
        y = module(x, c)
        (y * cotangent).sum().backward()
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {"inputs/x": single(x), "inputs/c": single(c), "inputs/cotangent": cotangent}
        tensors |= {"outputs/y": single(y), "grads/x": single(x.grad), "grads/c": single(c.grad)}
        tensors |= {f"grads/{key}": single(value.grad) for key, value in module.named_parameters()}
        topic.write(name, tensors, {"hidden_size": width, "num_heads": heads, "mlp_ratio": ratio, "loss": "dot"})
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    embeddings()
    interpolants()
    losses()
    block()
