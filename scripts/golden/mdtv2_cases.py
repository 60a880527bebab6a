"""Writes golden/mdtv2, MDTv2's loss of two passes with all gradients, golden/mdtv2-samples and golden/flops-mdtv2."""

import math

import torch
from torch.utils.flop_counter import FlopCounterMode

from dit_reference import STEPS, spaced
from golden_file import Topic, single
from mdtv2_reference import MDTv2, rows_of, scale_at, training_loss
from parity_cases import base, random_state
from sit_reference import SiTConfig

SEED = 20261203

# name: (config, decoder blocks, kept of the second pass, cap of the weight, steps n)
CASES = {
    "two-passes": ({"depth": 4}, 2, 10, 5.0, [0, 37, 999]),
    "deep": ({"depth": 7, "input_size": 6, "num_heads": 2}, 3, 5, 5.0, [3, 702, 250, 40]),
    "one-pass": ({"depth": 5}, 1, 0, 5.0, [1, 500, 999]),
    "unweighted": ({"depth": 3, "in_channels": 3, "patch_size": 4, "input_size": 16, "num_classes": 2}, 1, 6, 0.0, [412, 8, 90]),
}
# name: (steps, w, power, guided channels, low, high)
SAMPLES = {
    "ddpm-250": (250, 1.0, 0.0, 0, 0.0, 1.0),
    "ddpm-20-power": (20, 3.8, 4.0, 3, 0.0, 1.0),
    "ddpm-9-power-interval": (9, 2.5, 1.5, 0, 0.2, 0.75),
}


def build(draws, decoder, **changes):
    config = SiTConfig(**vars(base(**{"hidden_size": 24, "learn_sigma": True, **changes})))
    model = MDTv2(config, decoder).double().eval()
    weights = random_state(model, draws, exact_table=False)
    model.load_state_dict({key: value.double() for key, value in weights.items()})
    return config, model, weights


def written(topic, name, config, decoder, tensors, weights, metadata, **about):
    tensors |= {f"weights/{key}": value for key, value in weights.items()}
    topic.write(name, tensors, {"config": config.parity_json(), "decoder": decoder, **metadata}, **about)


def loss_cases():
    topic = Topic("maskalign-sit", "mdtv2", "mdtv2_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4}, [
        "losses/total = noise + vlb of all tokens + masked, that sum of the second pass, which has the noise masked_noise and the",
        "labels masked_dropped; float64, time features in float32; inputs/t = n / 1000. decoder: last blocks. min_snr: cap.",
    ])
    for name, (changes, decoder, kept, cap, steps) in CASES.items():
        draws = topic.draws(name)
        config, model, weights = build(draws, decoder, **changes)
        count, null = len(steps), config.num_classes
        image = (count, config.in_channels, config.input_size, config.input_size)
        n = torch.tensor(steps)
        inputs = {"x": draws.normal("x", image), "noise": draws.normal("noise", image),
                  "t": torch.tensor([step / STEPS for step in steps], dtype=torch.float32),
                  "y": draws.integers("y", (count,), null), "dropped": torch.tensor([0.0, 1.0] + [0.0] * (count - 2))}
        x, y = inputs["x"].double(), inputs["y"]
        first = torch.where(inputs["dropped"] != 0, torch.full_like(y, null), y)
        noise, bound = training_loss(model, x, inputs["noise"].double(), n, first, None, cap)
        found, total = {"noise": noise, "vlb": bound}, noise + bound
        if kept:
            inputs |= {"keep": draws.subset("keep", count, config.tokens, kept, ordered=False),
                       "masked_noise": draws.normal("masked_noise", image),
                       "masked_dropped": torch.tensor([1.0] + [0.0] * (count - 1))}
            second = torch.where(inputs["masked_dropped"] != 0, torch.full_like(y, null), y)
            found["masked"] = sum(training_loss(model, x, inputs["masked_noise"].double(), n, second, inputs["keep"], cap))
            total = total + found["masked"]
        found["total"] = total
        total.backward()
        grads = {key: value.grad for key, value in model.named_parameters()}
        unused = {key for key, grad in grads.items() if grad is None}
        assert unused == ({key for key in grads if key.startswith("sideblocks") or key == "mask_token"} if not kept else set())
        grads = {key: torch.zeros_like(weights[key]).double() if grad is None else grad for key, grad in grads.items()}
        tensors = {f"inputs/{key}": value for key, value in inputs.items()}
        tensors |= {f"losses/{key}": value.detach() for key, value in found.items()}
        tensors |= {f"grads/{key}": single(grad) for key, grad in grads.items()}
        written(topic, name, config, decoder, tensors, weights, {"min_snr": cap, "beta": 0.0, "coeff": 0.0})
    topic.close()


def way_back(model, x, y, steps, noise, w, power, guided, low, high):
    """DDPM's, the scale of guidance a function of the time; of noise[i] the i-th step's."""
    null, variance = model.config.num_classes, steps.posterior_variance()
    for i, k in enumerate(reversed(range(len(steps.steps)))):
        n, bar, before, beta = steps.steps[k], steps.bars[k], steps.before[k], steps.betas[k]
        t = torch.full((len(y),), n)
        said, share = model(x.float().double(), t, y).chunk(2, dim=1)
        if w > 1 and low <= n / STEPS <= high:
            other = model(x.float().double(), t, torch.full_like(y, null)).chunk(2, dim=1)[0]
            mixed = other + (scale_at(w, power, n / STEPS) if power else w) * (said - other)
            said = mixed if guided == 0 else torch.cat([mixed[:, :guided], said[:, guided:]], 1)
        clean = (x - math.sqrt(1 - bar) * said) / math.sqrt(bar)
        if k == 0:
            return clean
        inner = 1 / ((1 - beta) / beta + 1 / (1 - before))
        mean = inner * (math.sqrt(1 - beta) / beta * x + math.sqrt(before) / (1 - before) * clean)
        f = (share + 1) / 2
        x = mean + torch.exp(0.5 * (f * math.log(beta) + (1 - f) * math.log(variance[k]))) * noise[i]
    raise AssertionError("the last step returns")


def samples():
    topic = Topic("maskalign-sit", "mdtv2-samples", "mdtv2_cases.py", SEED, {"relative": 1e-5}, [
        "DDPM's way back in float64 with the network's input rounded to float32; inputs/noise (S-1, N, C, H, W). The scale of",
        "guidance at step n is 1 + (cfg - 1) (1 - cos(pi (1 - n / 1000)^power)) / 2; power 0: constant.",
    ])
    for name, (count, w, power, guided, low, high) in SAMPLES.items():
        draws = topic.draws(name)
        config, model, weights = build(draws, 1, input_size=4, depth=3, num_heads=2, mlp_ratio=2.0, num_classes=5)
        shape, y = (2, 4, 4, 4), torch.tensor([3, 0])
        start, noise = draws.normal("latents", shape), draws.normal("noise", (count - 1, *shape))
        with torch.no_grad():
            end = way_back(model, start.double(), y, spaced(count), noise.double(), w, power, guided, low, high)
        tensors = {"inputs/latents": start, "inputs/noise": noise, "inputs/y": y, "outputs/x": end.contiguous()}
        written(topic, name, config, 1, tensors, weights, {"method": "DDPM", "steps": count, "cfg": w, "cfg_power": power,
                                                           "low": low, "high": high, "guided": guided, "eta": 0.0})
    topic.close()


def official_file():
    """A file with the keys of a published one, buffers included and without any word, and what its model says."""
    topic = Topic("maskalign-sit", "mdtv2-file", "mdtv2_cases.py", SEED, {"relative": 1e-5}, [
        "mdt is a state dict as sail-sg/MDT saves it; said has inputs and what the model predicts, noise and variance.",
    ])
    draws = topic.draws("mdt")
    config, model, weights = build(draws, 2, input_size=6, depth=6, hidden_size=20, num_heads=5, num_classes=7)
    pairs = rows_of(range(config.tokens), config.grid)
    buffers = {key.replace("bias_table", "index"): pairs for key in weights if key.endswith("bias_table")}
    topic.write("mdt", {**weights, **buffers}, {})
    x, n, y = draws.normal("x", (3, 4, 6, 6)), torch.tensor([0, 512, 999]), torch.tensor([6, 0, 7])
    with torch.no_grad():
        said = model(x.double(), n, y)
    topic.write("said", {"x": x, "t": n.to(torch.float32) / STEPS, "y": y, "predicted": single(said)}, {})
    topic.close()


def operations(model, config, keep):
    side = config.input_size
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, config.in_channels, side, side), torch.zeros(1), torch.zeros(1, dtype=torch.int64), keep)
    return counter.get_total_flops()


def flops():
    topic = Topic("maskalign-examples", "flops-mdtv2", "mdtv2_cases.py", SEED, {"equal": 0}, [
        "operations of one picture by PyTorch's counter: of all tokens, and of the second pass at the mean ratio 0.4.",
    ])
    sizes = {"s": (dict(hidden_size=384, depth=12, num_heads=6), 6), "b": (dict(hidden_size=768, depth=12, num_heads=12), 4)}
    for name, (numbers, decoder) in sizes.items():
        config = SiTConfig(**numbers)
        model = MDTv2(config, decoder).eval()
        kept = torch.arange(int(config.tokens * 0.6))[None]
        topic.write_json(name, {**numbers, "decoder": decoder, "sample_forward": operations(model, config, None),
                                "masked_forward": operations(model, config, kept)})
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    loss_cases()
    samples()
    official_file()
    flops()
