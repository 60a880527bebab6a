"""Writes golden/route-guidance: where samplers end that guide a routed SiT between two ratios of its tokens (TREAD).

The samplers are written out here once more, for this guidance alone, so that nothing is shared with what is compared.
"""

import json
import math

import torch

from golden_file import Topic
from losses_reference import linear, score
from parity_cases import base, build
from sit_reference import SiTConfig

SEED = 20261202
RATIO, WEAK = 0.3, 0.7

# name: (sampler, steps, class token, w, w of the class token, low, high)
CASES = {
    "euler": ("EULER", 5, False, 1.8, 1.8, 0.1, 0.8),
    "heun": ("HEUN", 4, False, 2.5, 2.5, 0.2, 1.0),
    "em": ("EULER_MARUYAMA", 5, False, 1.5, 1.5, 0.0, 0.9),
    "em-cls": ("EULER_MARUYAMA", 4, True, 2.0, 1.3, 0.0, 1.0),
    "euler-cls": ("EULER", 4, True, 2.0, 0.0, 0.0, 1.0),
}


class Way:
    """One way from noise to data."""

    def __init__(self, model, y, draws, w, w_cls, low, high):
        self.model, self.y, self.draws = model, y, draws
        self.w, self.w_cls, self.low, self.high = w, w_cls, low, high
        self.subsets = {}

    def network(self, state, t, keep=None):
        cls = state[1] if len(state) > 1 else None
        out = self.model(state[0], torch.full((len(self.y),), float(t), dtype=torch.float64), self.y, cls, keep)
        return [out.velocity] if cls is None else [out.velocity, out.cls]

    def keep(self, call, ratio):
        tokens = self.model.config.tokens
        kept = tokens - int(tokens * ratio)
        self.subsets[call] = self.draws.subset(f"keep/{call}", len(self.y), tokens, kept, ordered=False)
        return self.subsets[call]

    def velocity(self, state, t, decides, call):
        if not self.low <= decides <= self.high:
            return self.network(state, t)
        strong = self.network(state, t, self.keep(2 * call, RATIO))
        weak = self.network(state, t, self.keep(2 * call + 1, WEAK))
        mixed = [weak[0] + self.w * (strong[0] - weak[0])]
        if len(state) > 1:
            mixed.append(weak[1] + self.w_cls * (strong[1] - weak[1]) if self.w_cls > 0 else strong[1])
        return mixed


def ode(way, state, steps, heun):
    for i in range(steps):
        t, after = 1 - i / steps, 1 - (i + 1) / steps
        v = way.velocity(state, t, t, 2 * i)
        ahead = [x + (after - t) * d for x, d in zip(state, v)]
        if heun and i < steps - 1:
            w = way.velocity(ahead, after, t, 2 * i + 1)
            ahead = [x + (after - t) * (d + e) / 2 for x, d, e in zip(state, v, w)]
        state = ahead
    return state


def sde(way, state, steps, noise):
    times = [1 - i * (1 - 0.04) / (steps - 1) for i in range(steps)] + [0.0]
    for i in range(steps):
        t, h = times[i], times[i + 1] - times[i]
        v = way.velocity(state, t, t, 2 * i)
        at = torch.full((len(way.y),), t, dtype=torch.float64)
        state = [x + h * (d - t * score(linear, d, x, at)) for x, d in zip(state, v)]
        if i < steps - 1:
            state = [x + math.sqrt(2 * t) * math.sqrt(-h) * n for x, n in zip(state, noise[i])]
    return state


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-sit", "route-guidance", "route_guidance_cases.py", SEED, {"end": 1e-5}, [
        "v = weak + w (strong - weak) while low <= t <= high; both have the label, strong routes `ratio` of the tokens",
        "past blocks start..end, weak `weak` of them. keep/2c and keep/2c+1 are the tokens that stay at call c, where",
        "step i makes calls 2i and, with HEUN, 2i+1, which the time of call 2i decides. w_cls 0: the class token follows strong.",
        "noise/* (S-1, N, ...) are the normal numbers of stochastic steps; end/* is the state at t = 0, float64 arithmetic.",
    ])
    for name, (sampler, steps, cls, w, w_cls, low, high) in CASES.items():
        draws = topic.draws(name)
        config = base(hidden_size=24, depth=4, cls_dim=20 if cls else 0, route_start=1, route_end=2)
        config = SiTConfig(**{**vars(config), "placement": "ROUTE"})
        model, state = build(config, draws)
        n = 3
        y = draws.integers("y", (n,), config.num_classes)
        shapes = {"x": (n, config.in_channels, config.input_size, config.input_size)} | ({"cls": (n, 20)} if cls else {})
        start = {key: draws.normal(f"start/{key}", shape) for key, shape in shapes.items()}
        noise = {key: draws.normal(f"noise/{key}", (steps - 1, *shape), dtype=torch.float64)
                 for key, shape in shapes.items()}
        way = Way(model, y, draws, w, w_cls, low, high)
        begin = [value.double() for value in start.values()]
        with torch.no_grad():
            if sampler == "EULER_MARUYAMA":
                end = sde(way, begin, steps, [[noise[key][i] for key in shapes] for i in range(steps - 1)])
            else:
                end = ode(way, begin, steps, sampler == "HEUN")
        assert all(value.norm() < 100 for value in end), name
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"start/{key}": value for key, value in start.items()} | {"y": y}
        tensors |= {f"keep/{call}": value for call, value in way.subsets.items()}
        tensors |= {f"end/{key}": value for key, value in zip(shapes, end)}
        if sampler == "EULER_MARUYAMA":
            tensors |= {f"noise/{key}": value for key, value in noise.items()}
        metadata = {"family": "reg" if cls else "sit", "config": config.parity_json(), "sampler": sampler, "steps": steps,
                    "w": w, "w_cls": w_cls, "low": low, "high": high, "ratio": RATIO, "weak": WEAK,
                    "route": json.dumps([config.route_start, config.route_end])}
        topic.write(name, tensors, metadata, sampler=sampler, class_token=cls)
    topic.close()


if __name__ == "__main__":
    main()
