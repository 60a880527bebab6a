#!/usr/bin/env python3
"""Times one training step of SiT with REG or MaskAlign losses in PyTorch, the baseline of our own benchmarks.

A step: draw t, noise, class-token noise, label drop and (with --maskalign) the kept tokens; forward; velocity,
class-token and alignment losses in float32; backward; global-norm clip at 1.0; AdamW; EMA. Latents and encoder
tokens are random and precomputed. Attention is F.scaled_dot_product_attention, optimiser and EMA are foreach.

    torch_sit.py --variant B --batch 16 --steps 10 --warmup 3 --dtype bf16 --maskalign

prints one JSON line. With --serve it warms up, prints {"ready": true, ...}, then answers each line "step N" on
standard input with the times of N steps as one JSON line, until "quit" or the end of input, so that a driver can
take turns between processes. Runs on PyTorch 2.3.1 and later.
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
from losses_reference import training_loss  # noqa: E402
from sit_reference import Output, SiT, SiTConfig  # noqa: E402

VARIANTS = {  # width, depth, heads, alignment depth
    "S": (384, 12, 6, 4),
    "B": (768, 12, 12, 4),
    "L": (1024, 24, 16, 8),
    "XL": (1152, 28, 16, 8),
}
POOL = 2  # batches of precomputed data, taken in turn


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--variant", choices=VARIANTS, default="B", help="preset of width, depth, heads and alignment depth")
    add("--width", type=int, help="overrides the preset")
    add("--depth", type=int, help="overrides the preset")
    add("--heads", type=int, help="overrides the preset")
    add("--align-depth", type=int, help="overrides the preset; counted from 1")
    add("--patch", type=int, default=2)
    add("--input-size", type=int, default=32, help="side of the latent")
    add("--channels", type=int, default=4)
    add("--classes", type=int, default=1000)
    add("--z-dim", type=int, default=768, help="width of the encoder's tokens")
    add("--projector-dim", type=int, default=2048)
    add("--family", choices=("sit", "repa", "reg"), default="reg", help="plain, + alignment, + class token")
    add("--maskalign", action="store_true", help="mixer blocks on all tokens, then drop patch tokens")
    add("--mixer-layers", type=int, default=2, help="with --maskalign")
    add("--ratio", type=float, default=0.25, help="share of dropped patch tokens, with --maskalign")
    add("--batch", type=int, default=16)
    add("--steps", type=int, default=10, help="timed steps")
    add("--warmup", type=int, default=3)
    add("--dtype", choices=("float32", "bf16"), default="float32", help="bf16: torch.autocast around the model")
    add("--mode", choices=("eager", "compile"), default="eager")
    add("--threads", type=int, help="default: PyTorch's own choice")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--tf32", action="store_true", help="allow TF32 in float32 matrix products on a GPU")
    add("--seed", type=int, default=0)
    add("--serve", action="store_true", help="answer 'step N' lines on standard input")
    return parser.parse_args()


def configuration(args):
    width, depth, heads, align_depth = VARIANTS[args.variant]
    aligned = args.family != "sit"
    return SiTConfig(
        input_size=args.input_size,
        patch_size=args.patch,
        in_channels=args.channels,
        hidden_size=args.width or width,
        depth=args.depth or depth,
        num_heads=args.heads or heads,
        num_classes=args.classes,
        encoder_depth=args.align_depth or min(align_depth, args.depth or depth),
        z_dims=(args.z_dim,) if aligned else (),
        projector_dim=args.projector_dim,
        cls_dim=args.z_dim if args.family == "reg" else 0,
        mixer_layers=args.mixer_layers if args.maskalign else 0,
        placement="DROP" if args.maskalign else "NONE",
    )


class Trainer:
    """Model, optimiser, EMA and data of one run; step() returns its seconds."""

    def __init__(self, args):
        torch.manual_seed(args.seed)
        self.args, self.config, self.device = args, configuration(args), torch.device(args.device)
        self.model = SiT(self.config).to(self.device)
        self.params = [value for value in self.model.parameters() if value.requires_grad]
        with torch.no_grad():
            for value in self.params:  # zero gates would make gradients zero and products cheap on some hardware
                if not value.any():
                    value.normal_(std=0.02)
        self.ema = [value.detach().clone() for value in self.params]
        self.optimizer = torch.optim.AdamW(self.params, lr=1e-4, eps=1e-8, weight_decay=0.0, foreach=True)
        self.compiled = torch.compile(self.model) if args.mode == "compile" else self.model
        self.kept = int(self.config.tokens * (1 - args.ratio)) if args.maskalign else None
        self.pool = [self.batch() for _ in range(POOL)]
        self.done, self.loss = 0, None

    def batch(self):
        n, side = self.args.batch, self.config.input_size
        return (
            torch.randn(n, self.config.in_channels, side, side, device=self.device),
            torch.randint(self.config.num_classes, (n,), device=self.device),
            [torch.randn(n, 1 + self.config.tokens, z, device=self.device) for z in self.config.z_dims],
        )

    def forward(self, *inputs):
        """The model under autocast, its outputs in float32, as the losses expect."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.args.dtype == "bf16"):
            out = self.compiled(*inputs)
        return Output(out.velocity.float(), [z.float() for z in out.z], None if out.cls is None else out.cls.float())

    def draw(self, clean, y):
        """Noise (N, C, H, W), t (N), labels with 10 % dropped (N), class noise (N, Z), kept patches (N, K)."""
        n = len(clean)
        t, noise = torch.rand(n, device=self.device), torch.randn_like(clean)
        cls_noise = torch.randn(n, self.config.cls_dim, device=self.device) if self.config.cls_dim else None
        y = torch.where(torch.rand(n, device=self.device) < 0.1, self.config.num_classes, y)
        keep = None
        if self.kept is not None:
            order = torch.rand(n, self.config.tokens, device=self.device).argsort(dim=1)
            keep = order[:, : self.kept].sort(dim=1).values
        return noise, t, y, cls_noise, keep

    def step(self):
        self.synchronise()
        start = time.perf_counter()
        clean, y, targets = self.pool[self.done % POOL]
        noise, t, y, cls_noise, keep = self.draw(clean, y)
        losses = training_loss(self.forward, clean, noise, t, y, targets, keep, cls_noise, config=self.config)
        self.optimizer.zero_grad(set_to_none=True)
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(self.params, 1.0, foreach=True)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.ema, self.params, 1 - 0.9999)
        self.synchronise()
        self.done, self.loss = self.done + 1, losses.total.detach()
        return time.perf_counter() - start

    def synchronise(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def about(self):
        config, args = self.config, self.args
        tokens = (config.tokens if self.kept is None else self.kept) + (1 if config.cls_dim else 0)
        return {
            "framework": "pytorch",
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "variant": args.variant,
            "width": config.hidden_size,
            "depth": config.depth,
            "heads": config.num_heads,
            "patch": config.patch_size,
            "family": args.family,
            "maskalign": args.maskalign,
            "block_tokens": tokens,
            "parameters": sum(value.numel() for value in self.params),
            "dtype": args.dtype,
            "mode": args.mode,
            "tf32": args.tf32,
            "threads": torch.get_num_threads(),
            "batch": args.batch,
        }


def peak_rss_mb():
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / (1 << 20)


def summary(trainer, seconds):
    times = torch.tensor(seconds, dtype=torch.float64)
    median = times.quantile(0.5).item()
    numbers = {
        "steps": len(seconds),
        "median_s": median,
        "p90_s": times.quantile(0.9).item(),
        "min_s": times.min().item(),
        "images_per_s": trainer.args.batch / median,
        "loss": trainer.loss.item(),
        "load_1m": os.getloadavg()[0],
        "peak_rss_mb": peak_rss_mb(),
    }
    if trainer.device.type == "cuda":
        numbers["peak_gpu_mb"] = torch.cuda.max_memory_allocated() / (1 << 20)
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in numbers.items()}


def reply(content):
    print(json.dumps(content), flush=True)


def serve(trainer):
    reply({"ready": True, **trainer.about()})
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) == 2 and words[0] == "step" and words[1].isdigit() and int(words[1]) > 0:
            seconds = [trainer.step() for _ in range(int(words[1]))]
            reply({"times_s": [round(value, 6) for value in seconds], **summary(trainer, seconds)})
        elif words:
            reply({"error": f"expected 'step N' or 'quit' but was '{line.strip()}'"})


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.tf32:
        torch.backends.cuda.matmul.allow_tf32 = True
    trainer = Trainer(args)
    for _ in range(args.warmup):
        trainer.step()
    if args.serve:
        serve(trainer)
        return
    seconds = [trainer.step() for _ in range(args.steps)]
    reply({**trainer.about(), **summary(trainer, seconds)})


if __name__ == "__main__":
    main()
