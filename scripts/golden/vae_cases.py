"""Writes golden/vae: small autoencoders of diffusers' AutoencoderKL, their moments and pictures.

Needs the diffusers package. Every parameter is drawn anew, so that no bias is zero and no norm is one.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

from golden_file import Topic, single, write_safetensors

SEED = 20261123
DOWN, UP = "DownEncoderBlock2D", "UpDecoderBlock2D"
CASES = {
    "levels-3": dict(block_out_channels=(8, 16, 16), layers_per_block=1, norm_num_groups=4, latent_channels=4),
    "levels-2-deep": dict(block_out_channels=(8, 24), layers_per_block=2, norm_num_groups=8, latent_channels=3),
    "no-quant": dict(block_out_channels=(12,), layers_per_block=1, norm_num_groups=3, latent_channels=5,
                     use_quant_conv=False, use_post_quant_conv=False),
}
# height and width of the pictures
PICTURES = {"levels-3": (16, 24), "levels-2-deep": (12, 8), "no-quant": (5, 7)}
OLD_NAMES = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}


def random_state(model, draws):
    state = {}
    for key, value in model.state_dict().items():
        if "norm" in key and key.endswith("weight"):
            state[key] = draws.normal(key, value.shape, 0.2, mean=1.0)
        elif key.endswith("bias"):
            state[key] = draws.normal(key, value.shape, 0.1)
        else:
            state[key] = draws.normal(key, value.shape, value[0].numel() ** -0.5)
    return state


def old_style(state):
    """The attention's names and shapes in files that were written before diffusers 0.18."""
    out = {}
    for key, value in state.items():
        for new, old in OLD_NAMES.items():
            if f"attentions.0.{new}" in key:
                key = key.replace(new, old)
                value = value[:, :, None, None] if value.dim() == 2 else value
        out[key] = value.contiguous()
    return out


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "vae", "vae_cases.py", SEED, {"outputs": 1e-5}, [
        "config.json in the metadata is diffusers' own; weights/* have the names of save_pretrained.",
        "inputs/image (N, 3, H, W) uint8, enters as x / 127.5 - 1; inputs/latent (N, C, h, w) unscaled.",
        "outputs/mean, outputs/std of the posterior; outputs/picture of the decoder, not clamped.",
    ])
    for name, shape in CASES.items():
        draws = topic.draws(name)
        levels = len(shape["block_out_channels"])
        model = AutoencoderKL(down_block_types=[DOWN] * levels, up_block_types=[UP] * levels, **shape).double().eval()
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        height, width = PICTURES[name]
        image = (draws.normal("image", (2, 3, height, width)) * 60 + 128).clamp(0, 255).to(torch.uint8)
        side = 2 ** (levels - 1)
        latent = draws.normal("latent", (2, shape["latent_channels"], height // side, width // side))
        with torch.no_grad():
            posterior = model.encode(image.double() / 127.5 - 1).latent_dist
            picture = model.decode(latent.double()).sample
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {"inputs/image": image, "inputs/latent": latent}
        tensors |= {"outputs/mean": single(posterior.mean), "outputs/std": single(posterior.std)}
        tensors |= {"outputs/picture": single(picture)}
        topic.write(name, tensors, {"family": "vae", "config": model.to_json_string()})
        if name == "levels-3":
            published = topic.folder / "published"
            shutil.rmtree(published, ignore_errors=True)
            model.float().save_pretrained(published, safe_serialization=True)
            save_file(old_style(state), published / "before-0.18.safetensors")
            torch.save(dict(old_style(state)), published / "before-0.18.bin")
            for file in published.iterdir():
                file.chmod(0o644)
    exported(topic)
    topic.close()


def exported(topic):
    """The files of scripts/export_vae.py, and what they compute."""
    folder = topic.folder / "exported"
    folder.mkdir(exist_ok=True)
    script = Path(__file__).resolve().parents[1] / "export_vae.py"
    subprocess.run([sys.executable, script, "--random", "7", "--channels", "4,8", "--out", folder / "vae"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    draws = topic.draws("exported")
    image = draws.integers("image", (2, 3, 16, 12), 256).to(torch.uint8)
    latent = draws.normal("latent", (2, 4, 5, 6))
    with torch.no_grad():
        moments = torch.jit.load(folder / "vae-encoder.pt")(image.float() / 127.5 - 1)
        picture = torch.jit.load(folder / "vae-decoder.pt")(latent)
    mean, log_variance = moments.chunk(2, 1)
    std = torch.exp(0.5 * log_variance.clamp(-30, 20))
    write_safetensors(folder / "outputs.safetensors", {
        "inputs/image": image, "inputs/latent": latent, "outputs/mean": mean.contiguous(), "outputs/std": std,
        "outputs/picture": picture}, {})


if __name__ == "__main__":
    main()
