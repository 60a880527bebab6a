"""Writes golden/samplers and golden/guided-channels, trajectories over closed-form fields, and golden/pixels."""

import math

import torch

from golden_file import Topic
from losses_reference import cosine, linear
from samplers_reference import Guidance, euler_maruyama, ode

SEED = 20260613
FORMULA = [
    "i, j number a sample's latent row-major, 0..d-1; k, m its class token, 0..Z-1; y is the label as a number.",
    "A_ij = sin(1.3 i + 0.7 j + 0.2) / d;  B_ik = 0.1 sin(0.5 i - 0.9 k) / Z",
    "vx_i = sum_j A_ij tanh(x_j + 0.3 j t) + 0.6 t x_i + 0.25 cos(y + i) [+ sum_k B_ik g_k with a class token]",
    "vg_k = 0.8 tanh(g_k + t) - 0.3 cos(y + 2 k) + 0.2 mean_j(x_j)",
    "gauss: v = x (t - 0.25 (1 - t)) / (t^2 + 0.25 (1 - t)^2), the exact velocity of data N(0, 0.25), linear path.",
]
PUBLISHED = {  # steps: Euler, Heun, Euler-Maruyama variance and zero-noise multiplier
    "euler": {2: 0.2, 10: 0.43078260489862324, 50: 0.48539673827018803, 250: 0.49704524345430595},
    "heun": {2: 0.24, 10: 0.49081295758154075, 50: 0.4996809049896468, 250: 0.4999876467051358},
    "em_variance": {10: 0.2351044887539481, 50: 0.2421178174601708, 250: 0.2443751064750625},
    "em_multiplier": {10: 0.09717694762537078, 50: 0.14139780902090138, 250: 0.15002315399566732},
}


def gauss(state, t, y):
    return [x * (t - 0.25 * (1 - t)) / (t**2 + 0.25 * (1 - t) ** 2) for x in state]


def field(state, t, y):
    x = state[0].flatten(1)  # (N, d)
    d = x.shape[1]
    i, label = torch.arange(d, dtype=torch.float64), y.double()[:, None]
    a = torch.sin(1.3 * i[:, None] + 0.7 * i + 0.2) / d
    v = torch.tanh(x + 0.3 * i * t) @ a.T + 0.6 * t * x + 0.25 * torch.cos(label + i)
    if len(state) == 1:
        return [v.view_as(state[0])]
    g = state[1]  # (N, Z)
    k = torch.arange(g.shape[1], dtype=torch.float64)
    v = v + g @ (0.1 * torch.sin(0.5 * i[:, None] - 0.9 * k) / len(k)).T
    vg = 0.8 * torch.tanh(g + t) - 0.3 * torch.cos(label + 2 * k) + 0.2 * x.mean(1, keepdim=True)
    return [v.view_as(state[0]), vg]


CASES = {
    "gauss-euler": ("euler", gauss, 10, linear, Guidance(), False),
    "gauss-heun": ("heun", gauss, 10, linear, Guidance(), False),
    "gauss-em": ("em", gauss, 10, linear, Guidance(), False),
    "field-euler": ("euler", field, 7, linear, Guidance(), False),
    "field-euler-cfg": ("euler", field, 11, linear, Guidance(1.8, 0.15, 0.72), False),
    "field-euler-cfg-inclusive": ("euler", field, 4, linear, Guidance(1.8, 0.25, 0.75), False),
    "field-heun": ("heun", field, 7, linear, Guidance(), False),
    "field-heun-cfg": ("heun", field, 11, linear, Guidance(1.8, 0.15, 0.72), False),
    "field-em": ("em", field, 9, linear, Guidance(), False),
    "field-em-cfg": ("em", field, 13, linear, Guidance(1.8, 0.15, 0.72), False),
    "field-em-cosine": ("em", field, 9, cosine, Guidance(1.5), False),
    "joint-em": ("em", field, 9, linear, Guidance(), True),
    "joint-em-cfg": ("em", field, 13, linear, Guidance(2.3, 0.0, 0.85, 2.1), True),
    "joint-em-cfg-latent-only": ("em", field, 13, linear, Guidance(2.3, 0.0, 0.85, 0.0), True),
    "joint-euler-cfg": ("euler", field, 9, linear, Guidance(2.3, 0.0, 0.85, 2.1), True),
    "joint-heun-cfg": ("heun", field, 9, linear, Guidance(2.3, 0.1, 0.85, 2.1), True),
}


CHANNELS = {  # only the first of four channels are guided
    "euler": ("euler", field, 11, linear, Guidance(1.8, 0.15, 0.72, channels=3), False),
    "heun": ("heun", field, 11, linear, Guidance(1.8, 0.15, 0.72, channels=3), False),
    "em": ("em", field, 13, linear, Guidance(1.8, channels=3), False),
    "joint-em": ("em", field, 13, linear, Guidance(2.3, 0.0, 0.85, 2.1, channels=2), True),
}


def trajectories(topic, cases):
    for name, (sampler, velocity, steps, path, guidance, joint) in cases.items():
        draws = topic.draws(name)
        y = torch.tensor([3, 7])
        shapes = {"x": (2, 4, 2, 3)} | ({"cls": (2, 5)} if joint else {})

        def normal(key, shape):
            return draws.normal(key, shape, dtype=torch.float64)

        start = [normal(f"start/{key}", shape) for key, shape in shapes.items()]
        noise = [[normal(f"noise/{key}/{s}", shape) for key, shape in shapes.items()] for s in range(steps - 1)]
        if sampler == "em":
            run = euler_maruyama(velocity, start, y, steps, noise, path, guidance)
        else:
            run = ode(velocity, start, y, steps, guidance, heun=sampler == "heun")
        tensors = {"grid": run.grid, "y": y, "guided": torch.tensor(run.guided, dtype=torch.int64)}
        for k, key in enumerate(shapes):
            tensors[f"trajectory/{key}"] = torch.stack([state[k] for state in run.states])
            if sampler == "em":
                tensors[f"noise/{key}"] = torch.stack([step[k] for step in noise])
        metadata = {"sampler": sampler, "field": velocity.__name__, "steps": steps, "path": path.__name__,
                    "nfe": run.nfe, "joint": joint, **guidance._asdict()}
        if not guidance.channels:
            del metadata["channels"]
        topic.write(name, tensors, metadata)


def closed_form(topic):
    """Multipliers and variances of the Gaussian field by scalar recursion, checked against published numbers."""
    one, y = [torch.ones(1, dtype=torch.float64)], torch.zeros(1, dtype=torch.int64)
    found = {key: {} for key in PUBLISHED}
    for steps in PUBLISHED["euler"]:
        found["euler"][steps] = ode(gauss, one, y, steps).states[-1][0].item()
        found["heun"][steps] = ode(gauss, one, y, steps, heun=True).states[-1][0].item()
    for steps in PUBLISHED["em_variance"]:
        silent = [[torch.zeros(1, dtype=torch.float64)] for _ in range(steps - 1)]
        run = euler_maruyama(gauss, one, y, steps, silent, linear)
        values = [state[0].item() for state in run.states]
        variance, grid = 1.0, run.grid.tolist()
        for s in range(steps):
            variance *= (values[s + 1] / values[s]) ** 2
            if s < steps - 1:
                variance += 2 * grid[s] * (grid[s] - grid[s + 1])
        found["em_multiplier"][steps], found["em_variance"][steps] = values[-1], variance
        if steps == 250:
            found["em_grid_250"] = {s: grid[s] for s in (1, 124, 248, 249)}
    for key, numbers in PUBLISHED.items():
        for steps, value in numbers.items():
            assert math.isclose(found[key][steps], value, rel_tol=1e-12), f"{key} {steps}: {found[key][steps]}"
    topic.write_json("closed-form", found)


def pixels():
    """Bytes of decoded values by the two rules, in float32 as the projects compute them."""
    topic = Topic("maskalign-core", "pixels", "sampler_cases.py", SEED, {"levels": 0}, [
        "x: values around [-1, 1], and every byte b as b / 127.5 - 1. truncate: clamp(255 (x + 1) / 2) as uint8, the rule",
        "of REPA and REG. round: clamp(127.5 x + 128) as uint8, the rule of willisma/SiT, DiT and ReDi.",
    ])
    x = torch.cat([topic.draws("bytes").uniform("x", (1024,), -1.1, 1.1), torch.arange(256).float() / 127.5 - 1])
    truncated = (255.0 * ((x + 1) / 2)).clamp(0, 255).to(torch.uint8)
    rounded = (127.5 * x + 128.0).clamp(0, 255).to(torch.uint8)
    topic.write("bytes", {"x": x, "truncate": truncated, "round": rounded}, {})
    topic.close()


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-core", "samplers", "sampler_cases.py", SEED, {"relative": 1e-10, "float32_field": 1e-4}, [
        "float64 states and float64 field. trajectory/x (S+1, N, C, H, W), trajectory/cls (S+1, N, Z), start first.",
        "noise/* (S-1, ..), one entry per stochastic step; guided (S) says whether a step was guided.",
        "Guidance: u + w (c - u) while w > 1 and low <= t <= high; Heun decides once, at t. w_cls 0: the class token",
        "follows the conditional drift. null_class is the label of the unconditional half. nfe counts network calls.",
        "joint-euler, joint-heun: the same rules, although the published joint sampler is Euler-Maruyama only.",
        "float32_field: tolerance when the field's input, time and output pass through float32.",
        *FORMULA,
    ])
    trajectories(topic, CASES)
    closed_form(topic)
    topic.close()
    topic = Topic("maskalign-core", "guided-channels", "sampler_cases.py", SEED, {"relative": 1e-10}, [
        "As samplers, but only the first `channels` channels of x are guided; the others follow the conditional drift.",
    ])
    trajectories(topic, CHANNELS)
    topic.close()
    pixels()


if __name__ == "__main__":
    main()
