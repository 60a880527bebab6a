"""Writes golden/patch_autoencoder: the small autoencoder of patches, what it encodes and decodes, its loss and gradients."""

import torch
import torch.nn.functional as F

from golden_file import Topic, single

SEED = 20261129
# latent channels are 4 and patches 4 x 4; encoder width and blocks, decoder width and blocks, height and width
CASES = {"small": (6, 1, 10, 2, 16, 24), "no-blocks": (5, 0, 7, 0, 8, 8)}
EDGE, HALF, KL = 0.7, 0.3, 0.05


def layers(draws, prefix, shapes):
    state = {}
    for name, shape in shapes.items():
        state[f"{prefix}.{name}.weight"] = draws.normal(f"{prefix}.{name}.weight", shape, (shape[1] * shape[2] ** 2) ** -0.5)
        state[f"{prefix}.{name}.bias"] = draws.normal(f"{prefix}.{name}.bias", shape[:1], 0.1)
    return state


def shapes(inputs, width, blocks, outputs, kernel_in, kernel_out):
    out = {"conv_in": (width, inputs, kernel_in, kernel_in)}
    for i in range(blocks):
        out[f"blocks.{i}.conv1"] = out[f"blocks.{i}.conv2"] = (width, width, 3, 3)
    return {**out, "conv_out": (outputs, width, kernel_out, kernel_out)}


def run(x, state, prefix, blocks):
    def conv(h, name):
        weight = state[f"{prefix}.{name}.weight"]
        return F.conv2d(h, weight, state[f"{prefix}.{name}.bias"], padding=weight.shape[2] // 2)

    h = conv(x, "conv_in")
    for i in range(blocks):
        h = h + conv(F.silu(conv(h, f"blocks.{i}.conv1")), f"blocks.{i}.conv2")
    return conv(h, "conv_out")


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "patch_autoencoder", "patch_autoencoder_cases.py", SEED, {"outputs": 1e-5}, [
        "inputs/image (N, 3, H, W) uint8, enters as x / 127.5 - 1; inputs/noise (N, 4, H/4, W/4).",
        "outputs/mean, outputs/std; outputs/picture of the decoder for inputs/noise as latent.",
        "losses/* with the weights in the metadata; grads/* of losses/total, in float64.",
    ])
    for name, (encoder, encoder_blocks, decoder, decoder_blocks, height, width) in CASES.items():
        draws = topic.draws(name)
        state = layers(draws, "encoder", shapes(48, encoder, encoder_blocks, 8, 3, 1))
        state |= layers(draws, "decoder", shapes(4, decoder, decoder_blocks, 48, 1, 3))
        image = (draws.normal("image", (2, 3, height, width)) * 60 + 128).clamp(0, 255).to(torch.uint8)
        noise = draws.normal("noise", (2, 4, height // 4, width // 4))
        wide = {key: value.double().requires_grad_() for key, value in state.items()}
        x = image.double() / 127.5 - 1
        mean, log_variance = run(F.pixel_unshuffle(x, 4), wide, "encoder", encoder_blocks).chunk(2, 1)
        std = torch.exp(0.5 * log_variance.clamp(-30, 20))
        z = mean + std * noise.double()
        decode = lambda latent: F.pixel_shuffle(run(latent, wide, "decoder", decoder_blocks), 4)
        d = x - decode(z)
        pixel = d.abs().mean()
        edge = (d[:, :, 1:] - d[:, :, :-1]).abs().mean() + (d[..., 1:] - d[..., :-1]).abs().mean()
        half = (F.avg_pool2d(x, 2) - decode(F.avg_pool2d(z, 2))).abs().mean()
        normal = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        kl = torch.distributions.kl_divergence(torch.distributions.Normal(mean, std), normal).mean()
        total = pixel + EDGE * edge + HALF * half + KL * kl
        total.backward()
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {"inputs/image": image, "inputs/noise": noise}
        tensors |= {"outputs/mean": single(mean), "outputs/std": single(std), "outputs/picture": single(decode(noise.double()))}
        losses = {"total": total, "pixel": pixel, "edge": edge, "half": half, "kl": kl}
        tensors |= {f"losses/{key}": single(value) for key, value in losses.items()}
        tensors |= {f"grads/{key}": single(value.grad) for key, value in wide.items()}
        topic.write(name, tensors, {
            "family": "patch_autoencoder", "encoder_width": encoder, "encoder_blocks": encoder_blocks,
            "decoder_width": decoder, "decoder_blocks": decoder_blocks, "edge": EDGE, "half": HALF, "kl": KL})
    topic.close()


if __name__ == "__main__":
    main()
