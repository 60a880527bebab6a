"""Writes golden/joint: where REG's and MaskAlign's sampler ends, with a guidance scale of the class token's own."""

import torch

from golden_file import Topic
from losses_reference import linear
from parity_cases import build
from samplers_reference import Guidance, euler_maruyama, ode
from sit_reference import SiTConfig

SEED = 20260702
BASE = dict(input_size=4, patch_size=2, in_channels=4, hidden_size=24, depth=2, num_heads=2, mlp_ratio=2.0,
            num_classes=5, encoder_depth=1, z_dims=(12,), projector_dim=16, cls_dim=12)

# name: (family, mixer layers, method, steps, guidance, what it is for)
CASES = {
    "reg": ("reg", 0, "EULER_MARUYAMA", 60, Guidance(2.3, 0.0, 0.85, 1.4, 5), "REG, two scales"),
    "reg-latent-only": ("reg", 0, "EULER_MARUYAMA", 40, Guidance(2.3, 0.0, 0.85, 0.0, 5), "the token is not guided"),
    "maskalign": ("maskalign", 2, "EULER_MARUYAMA", 60, Guidance(2.3, 0.0, 0.85, 1.4, 5), "mixer, all tokens kept"),
    "maskalign-euler": ("maskalign", 1, "EULER", 30, Guidance(1.8, 0.0, 0.7, 3.1, 5), "the ODE, a stronger token"),
}


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    topic = Topic("maskalign-sit", "joint", "joint_cases.py", SEED, {"relative": 1e-5}, [
        "Models of sit_reference.py under the samplers of samplers_reference.py, everything in float64. weights/* and",
        "inputs/* are float32 numbers; inputs/noise and inputs/cls_noise (S-1, N, ..). t = 0 is data.",
        "cfg: scale of the latent in [low, high]; cls_cfg: that of the class token there, 0 its conditional velocity.",
    ])
    for name, (family, mixer, method, steps, guidance, purpose) in CASES.items():
        draws = topic.draws(name)
        config = SiTConfig(**BASE, mixer_layers=mixer)
        model, state = build(config, draws)

        def field(now, t, y):
            out = model(now[0], t.expand(len(y)), y, cls=now[1])
            return [out.velocity, out.cls]

        y = torch.tensor([3, 0])
        shapes = {"latents": (2, 4, 4, 4), "cls_latents": (2, config.cls_dim)}
        start = {key: draws.normal(key, shape) for key, shape in shapes.items()}
        noise = {key: draws.normal(key, (steps - 1, *shape))
                 for key, shape in zip(("noise", "cls_noise"), shapes.values())}
        begin = [value.double() for value in start.values()]
        if method == "EULER":
            noise, run = {}, ode(field, begin, y, steps, guidance)
        else:
            pairs = [list(pair) for pair in zip(noise["noise"].double(), noise["cls_noise"].double())]
            run = euler_maruyama(field, begin, y, steps, pairs, linear, guidance)
        x, cls = run.states[-1]
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {f"inputs/{key}": value for key, value in {**start, **noise, "y": y}.items()}
        tensors |= {"outputs/x": x.contiguous(), "outputs/cls": cls.contiguous()}
        metadata = {"kind": "sample", "family": family, "config": config.parity_json(), "method": method,
                    "steps": steps, "cfg": guidance.w, "cls_cfg": guidance.w_cls, "low": guidance.low,
                    "high": guidance.high, "last": 0.04, "diffusion": "TWO_T", "path": "linear", "channels": 4}
        topic.write(name, tensors, metadata, purpose=purpose)
    topic.close()


if __name__ == "__main__":
    main()
