#!/usr/bin/env python3
"""Exports an autoencoder of diffusers as two TorchScript archives, which TorchScriptAutoencoder opens.

    python scripts/export_vae.py --vae stabilityai/sd-vae-ft-mse --out vae          (or a folder on this machine)
    python scripts/export_vae.py --random 7 --channels 8,16 --out small             (random weights, for tests)

Writes OUT-encoder.pt: pictures in [-1, 1] (N, 3, H, W) to mean and log-variance (N, 2C, h, w), and OUT-decoder.pt:
unscaled latents (N, C, h, w) to pictures. Each is compared with the model on two sizes before it is put in place.
A TorchScript file is a program: give the printed SHA-256 of both with --vae-sha256, so that no other runs.
The library reads the published safetensors without this script; it is for autoencoders of other kinds.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL


class Encode(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, image):
        return self.vae.encode(image).latent_dist.parameters


class Decode(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, latent):
        return self.vae.decode(latent).sample


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vae", help="folder or hub name of an AutoencoderKL")
    parser.add_argument("--random", type=int, metavar="SEED", help="random weights of a small model instead")
    parser.add_argument("--channels", default="8,16", help="with --random: width of each level")
    parser.add_argument("--out", required=True, help="beginning of the two file names")
    args = parser.parse_args()
    if (args.vae is None) == (args.random is None):
        parser.error("give one of --vae and --random")
    return args


def model(args):
    if args.vae is not None:
        return AutoencoderKL.from_pretrained(args.vae)
    torch.manual_seed(args.random)
    widths = [int(width) for width in args.channels.split(",")]
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * len(widths), up_block_types=["UpDecoderBlock2D"] * len(widths),
        block_out_channels=widths, layers_per_block=1, norm_num_groups=widths[0] // 2, latent_channels=4)


def export(module, example, other, path):
    traced = torch.jit.trace(module, example, check_trace=False)
    for inputs in (example, other):
        difference = (traced(inputs) - module(inputs)).abs().max() / module(inputs).abs().max()
        if not difference < 1e-5:
            sys.exit(f"{path}: the traced module differs from the model by {difference} for {tuple(inputs.shape)}")
    temporary = path.with_name(f".{path.name}.tmp")
    torch.jit.save(traced, str(temporary))
    os.replace(temporary, path)
    print(f"{path}  sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def main():
    args = arguments()
    vae = model(args).eval().requires_grad_(False)
    side = 2 ** (len(vae.config.block_out_channels) - 1)
    channels = vae.config.latent_channels
    with torch.no_grad():
        images = [torch.randn(n, 3, 8 * side, (8 + n) * side) for n in (1, 2)]
        latents = [torch.randn(n, channels, 8, 8 + n) for n in (1, 2)]
        export(Encode(vae), *images, Path(args.out + "-encoder.pt"))
        export(Decode(vae), *latents, Path(args.out + "-decoder.pt"))


if __name__ == "__main__":
    main()
