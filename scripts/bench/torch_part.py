#!/usr/bin/env python3
"""The same parts as `workbench bench-part`, in PyTorch: transformers' DINOv2-B/14, diffusers' decoder, torch.load.

    torch_part.py encoder --batch 8 --serve
    torch_part.py load --file sit-xl.pt        (--make writes that file first)
    torch_part.py export --file dinov2-b.pt    (writes the encoder as TorchScript)
    torch_part.py crop --file pictures         (Pillow and NumPy; --make draws 200 JPEG files first)

Answers 'step N' lines on standard input with the seconds of N runs. Weights are random.
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
from pillow_crop import crop, draw  # noqa: E402
from torch_metrics import METRIC_PARTS  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("part", choices=("encoder", "decoder", "load", "export", "crop", *METRIC_PARTS))
    add("--batch", type=int, default=8)
    add("--dtype", choices=("float32", "bf16"), default="float32", help="bf16: torch.autocast")
    add("--file")
    add("--make", action="store_true", help="load, crop: write the files first")
    add("--warmup", type=int, default=2)
    add("--threads", type=int)
    add("--serve", action="store_true")
    return parser.parse_args()


def dinov2():
    from transformers import Dinov2Config, Dinov2Model

    return Dinov2Model(Dinov2Config(image_size=518, patch_size=14)).eval()


class Tokens(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        tokens = self.model(image).last_hidden_state
        return tokens[:, 0], tokens[:, 1:]


def sit_xl():
    from sit_reference import SiT, SiTConfig

    return SiT(SiTConfig(
        input_size=32, patch_size=2, in_channels=4, hidden_size=1152, depth=28, num_heads=16, num_classes=1000,
        encoder_depth=8, z_dims=(), projector_dim=2048, cls_dim=0, mixer_layers=0, placement="NONE"))


def work(args):
    """Returns the function that is timed."""
    if args.part in METRIC_PARTS:
        return METRIC_PARTS[args.part](args.batch)
    if args.part == "crop":
        if args.make:
            draw(Path(args.file))
        return crop(Path(args.file), args.threads or os.cpu_count())
    if args.part == "load":
        model = sit_xl()
        if args.make:
            torch.save(model.state_dict(), args.file)

        def load():
            state = torch.load(args.file, mmap=True, weights_only=True)
            model.load_state_dict(state)

        return load
    if args.part == "encoder":
        model, inputs = dinov2(), torch.randn(args.batch, 3, 224, 224)
        call = lambda: model(inputs)  # noqa: E731
    else:
        from diffusers import AutoencoderKL

        levels = 4
        model = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
            down_block_types=["DownEncoderBlock2D"] * levels, up_block_types=["UpDecoderBlock2D"] * levels).eval()
        inputs = torch.randn(args.batch, 4, 32, 32)
        call = lambda: model.decode(inputs).sample  # noqa: E731

    def run():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=args.dtype == "bf16"):
            call()

    return run


def seconds(run, count):
    out = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        out.append(time.perf_counter() - start)
    return out


def reply(content):
    content["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(content), flush=True)


def main():
    args = arguments()
    torch.manual_seed(0)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.part == "export":
        with torch.no_grad():
            torch.jit.save(torch.jit.trace(Tokens(dinov2()), torch.randn(2, 3, 224, 224), check_trace=False), args.file)
        return
    run = work(args)
    seconds(run, args.warmup)
    if not args.serve:
        reply({"times_s": seconds(run, 5)})
        return
    reply({"ready": True})
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) == 2 and words[0] == "step" and words[1].isdigit():
            reply({"times_s": seconds(run, int(words[1]))})


if __name__ == "__main__":
    main()
