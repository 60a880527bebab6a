"""Writes golden/repae: one step of REPA-E, its three losses and the gradient of each for its own weights.

The step is done as the published code does it: the autoencoder's loss with the SiT in evaluation mode, then the
discriminator's, then the SiT's in training mode on latents that are detached, nn.BatchNorm2d normalising them. Each loss is
differentiated by itself. Autoencoder, PatchGAN and LPIPS are written from their published descriptions; the SiT is
sit_reference.py's.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

from golden_file import Topic, single
from losses_reference import alignment_loss
from parity_cases import base, random_state
from sit_reference import SiT

SEED = 20261217
WIDTHS, GROUPS, LATENT, WIDTH, DISC = (8, 8, 12), 4, 4, 20, 4
VGG = ((6, 6), (8, 8), (10, 10, 10), (12, 12, 12), (12, 12, 12))
LAMBDA = 0.5

# name: (terms.endToEnd, whether there is LPIPS, label drops of three samples)
CASES = {
    "published": (dict(alignCoeff=1.5, perceptual=1.0, kl=1e-6, gan=0.1, momentum=0.1), True, (0, 1, 0)),
    "weighted": (dict(alignCoeff=0.7, perceptual=0.3, kl=1e-3, gan=0.5, momentum=0.4), True, (1, 0, 0)),
    "bare": (dict(alignCoeff=1.5, perceptual=1.0, kl=1e-6, gan=0.0, momentum=0.1), False, (0, 0, 0)),
}


class Residual(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(GROUPS, i, eps=1e-6), nn.Conv2d(i, o, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(GROUPS, o, eps=1e-6), nn.Conv2d(o, o, 3, padding=1)
        if i != o:
            self.conv_shortcut = nn.Conv2d(i, o, 1)

    def forward(self, x):
        h = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x) + h


class PixelAttention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.group_norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x):
        h = self.group_norm(x).flatten(2).mT
        weights = (self.to_q(h) @ self.to_k(h).mT / h.shape[-1] ** 0.5).softmax(-1)
        return x + self.to_out[0](weights @ self.to_v(h)).mT.reshape(x.shape)


class Sampler(nn.Module):
    def __init__(self, width, stride):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=stride, padding=0 if stride == 2 else 1)


class Level(nn.Module):
    def __init__(self, i, o, count, sampler):
        super().__init__()
        self.resnets = nn.ModuleList([Residual(i if k == 0 else o, o) for k in range(count)])
        if sampler:
            setattr(self, sampler, nn.ModuleList([Sampler(o, 2 if sampler == "downsamplers" else 1)]))

    def forward(self, x):
        for block in self.resnets:
            x = block(x)
        if hasattr(self, "downsamplers"):
            x = self.downsamplers[0].conv(F.pad(x, (0, 1, 0, 1)))
        if hasattr(self, "upsamplers"):
            x = self.upsamplers[0].conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return x


class Middle(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.resnets = nn.ModuleList([Residual(width, width) for _ in range(2)])
        self.attentions = nn.ModuleList([PixelAttention(width)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Half(nn.Module):
    """Encoder or decoder under diffusers' names."""

    def __init__(self, down):
        super().__init__()
        first, last = WIDTHS[0], WIDTHS[-1]
        order = WIDTHS if down else WIDTHS[::-1]
        self.conv_in = nn.Conv2d(3 if down else LATENT, order[0], 3, padding=1)
        levels, width = [], order[0]
        for i, o in enumerate(order):
            sampler = None if i == len(order) - 1 else "downsamplers" if down else "upsamplers"
            levels.append(Level(width, o, 1 if down else 2, sampler))
            width = o
        setattr(self, "down_blocks" if down else "up_blocks", nn.ModuleList(levels))
        self.mid_block = Middle(last)
        self.conv_norm_out = nn.GroupNorm(GROUPS, last if down else first, eps=1e-6)
        self.conv_out = nn.Conv2d(last if down else first, 2 * LATENT if down else 3, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        if hasattr(self, "down_blocks"):
            for level in self.down_blocks:
                x = level(x)
            x = self.mid_block(x)
        else:
            x = self.mid_block(x)
            for level in self.up_blocks:
                x = level(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Half(True), Half(False)
        self.quant_conv, self.post_quant_conv = nn.Conv2d(2 * LATENT, 2 * LATENT, 1), nn.Conv2d(LATENT, LATENT, 1)

    def decode(self, z):
        return self.decoder(self.post_quant_conv(z))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        layers, width = [nn.Conv2d(3, DISC, 4, 2, 1), nn.LeakyReLU(0.2)], DISC
        for i in range(1, 4):
            out = DISC * 2**i
            layers += [nn.Conv2d(width, out, 4, 2 if i < 3 else 1, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]
            width = out
        self.main = nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 1))

    def forward(self, x):
        return self.main(x)


class Lpips(nn.Module):
    def __init__(self):
        super().__init__()
        layers, width = [], 3
        self.ends = []
        for stage in VGG:
            if layers:
                layers.append(nn.MaxPool2d(2, 2))
            for out in stage:
                layers += [nn.Conv2d(width, out, 3, padding=1), nn.ReLU()]
                width = out
            self.ends.append(len(layers) - 1)
        self.features = nn.Sequential(*layers)
        self.lins = [nn.Sequential(nn.Dropout(), nn.Conv2d(stage[-1], 1, 1, bias=False)) for stage in VGG]
        for k, lin in enumerate(self.lins):
            setattr(self, f"lin{k}", nn.ModuleDict({"model": lin}))

    def outputs(self, x):
        shift = x.new_tensor((-0.030, -0.088, -0.188)).view(1, 3, 1, 1)
        x = (x - shift) / x.new_tensor((0.458, 0.448, 0.450)).view(1, 3, 1, 1)
        found = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.ends:
                found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    def forward(self, x, y):
        terms = [lin((a - b) ** 2).mean((2, 3)) for lin, a, b in zip(self.lins, self.outputs(x), self.outputs(y))]
        return sum(terms).mean()


def drawn(model, draws, prefix):
    state = {}
    for key, value in model.state_dict().items():
        name = f"{prefix}/{key}"
        if "running" in key or "num_batches" in key:
            continue
        if value.dim() == 1 and key.endswith("weight"):
            state[key] = draws.normal(name, value.shape, 0.2, mean=1.0)
        elif key.endswith("bias"):
            state[key] = draws.normal(name, value.shape, 0.1)
        elif key.startswith("lin"):
            state[key] = draws.uniform(name, value.shape, 0.1, 1.0)
        else:
            wide = 3 if key == "main.11.weight" else 1  # some scores beyond the hinges
            state[key] = draws.normal(name, value.shape, wide * value[0].numel() ** -0.5)
    model.double().load_state_dict({key: value.double() for key, value in state.items()}, strict=False)
    return state


def gradients(loss, module, **options):
    named = {key: value for key, value in module.named_parameters() if value.requires_grad}
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True, **options)
    return {key: torch.zeros_like(value) if grad is None else grad for (key, value), grad in zip(named.items(), found)}


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-sit", "repae", "repae_cases.py", SEED, {"losses": 1e-5, "grads": 1e-4, "bn": 1e-5}, [
        "weights/sit/*, weights/autoencoder/* (diffusers' names), weights/discriminator/*, and lpips/* as files have them;",
        "bn/before/* and bn/after/* are the running statistics of latents. inputs/dropped of the SiT's own pass alone.",
        "grads/sit/* of losses/transformer, grads/autoencoder/* of losses/autoencoder, grads/discriminator/* of losses/discriminator.",
        "grads of the autoencoder's to_k.bias are left out: a softmax does not see that bias.",
    ])
    for name, (term, with_lpips, dropped) in CASES.items():
        draws = topic.draws(name)
        config = base(hidden_size=24, depth=3, num_heads=3, encoder_depth=2, z_dims=(WIDTH,), projector_dim=28)
        sit = SiT(config).double().eval()
        state = {"sit": random_state(sit, draws)}
        sit.load_state_dict({key: value.double() for key, value in state["sit"].items()})
        vae, critic, lpips = Autoencoder(), Discriminator(), Lpips()
        state["autoencoder"] = drawn(vae, draws, "autoencoder")
        if term["gan"]:
            state["discriminator"] = drawn(critic, draws, "discriminator")
        network = drawn(lpips, draws, "lpips")
        lpips.eval()
        n, t = 3, config.tokens
        inputs = {"images": (draws.normal("images", (n, 3, 32, 32)) * 60 + 128).clamp(0, 255).to(torch.uint8),
                  "posterior": draws.normal("posterior", (n, LATENT, 8, 8)),
                  "noise": draws.normal("noise", (n, LATENT, 8, 8)),
                  "t": draws.uniform("t", (n,), 0.05, 0.95), "y": draws.integers("y", (n,), config.num_classes),
                  "dropped": torch.tensor(dropped, dtype=torch.float32),
                  "targets.0": draws.normal("targets.0", (n, 1 + t, WIDTH), 1.5)}
        norm = nn.BatchNorm2d(LATENT, eps=1e-4, momentum=term["momentum"], affine=False).double()
        before = {"running_mean": draws.normal("bn.mean", (LATENT,), 0.3),
                  "running_var": draws.uniform("bn.var", (LATENT,), 0.5, 2.0)}
        norm.running_mean.copy_(before["running_mean"])
        norm.running_var.copy_(before["running_var"])

        x = inputs["images"].double() / 127.5 - 1
        mean, log_variance = vae.quant_conv(vae.encoder(x)).chunk(2, 1)
        log_variance = log_variance.clamp(-30, 20)
        z = mean + (0.5 * log_variance).exp() * inputs["posterior"].double()
        y = vae.decode(z)
        target = inputs["targets.0"].double()[:, 1:]
        at, noise = inputs["t"].double(), inputs["noise"].double()
        wide = at.view(-1, 1, 1, 1)

        found = {"pixel": (x - y).abs().mean(),
                 "kl": 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum((1, 2, 3)).mean()}
        loss = found["pixel"] + term["kl"] * found["kl"]
        if with_lpips:
            found["lpips"] = lpips(x, y)
            loss = loss + term["perceptual"] * found["lpips"]
        if term["gan"]:
            found["gan"] = -critic(y).mean()
            loss = loss + term["gan"] * found["gan"]
        norm.eval()
        seen = sit((1 - wide) * norm(z) + wide * noise, at, inputs["y"])
        found["autoencoder_align"] = alignment_loss(seen.z[0], target)
        found["autoencoder"] = loss + term["alignCoeff"] * found["autoencoder_align"]
        grads = {"autoencoder": gradients(found["autoencoder"], vae)}

        if term["gan"]:
            real, fake = critic(x), critic(y.detach())
            found["discriminator"] = 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())
            grads["discriminator"] = gradients(found["discriminator"], critic)

        norm.train()
        clean = norm(z.detach())
        labels = torch.where(inputs["dropped"] == 1, config.num_classes, inputs["y"])
        out = sit((1 - wide) * clean + wide * noise, at, labels)
        found["velocity"] = (out.velocity - (noise - clean)).square().mean()
        found["align"] = alignment_loss(out.z[0], target)
        found["transformer"] = found["velocity"] + LAMBDA * found["align"]
        grads["sit"] = gradients(found["transformer"], sit)

        tensors = {f"weights/{part}/{key}": value for part, all_ in state.items() for key, value in all_.items()}
        tensors |= {f"inputs/{key}": value for key, value in inputs.items()}
        if with_lpips:
            tensors |= {f"lpips/{key}": value for key, value in network.items()}
        tensors |= {f"bn/before/{key}": value for key, value in before.items()}
        tensors |= {f"bn/after/{key}": single(getattr(norm, key)) for key in before}
        tensors |= {f"losses/{key}": value.detach() for key, value in found.items()}
        for part, all_ in grads.items():
            for key, grad in all_.items():
                if key.endswith("to_k.bias"):
                    assert grad.norm() < 1e-12
                    continue
                assert grad.norm() > 1e-7, (name, key)
                tensors[f"grads/{part}/{key}"] = single(grad)
        levels = len(WIDTHS)
        vae_config = json.dumps({"_class_name": "AutoencoderKL", "block_out_channels": WIDTHS, "layers_per_block": 1,
                                 "norm_num_groups": GROUPS, "latent_channels": LATENT,
                                 "down_block_types": ["DownEncoderBlock2D"] * levels,
                                 "up_block_types": ["UpDecoderBlock2D"] * levels})
        metadata = {"config": config.parity_json(), "coeff": LAMBDA, "vae": vae_config, "width": DISC}
        metadata |= {f"endToEnd.{key}": value for key, value in term.items()}
        topic.write(name, tensors, metadata)
    topic.close()


if __name__ == "__main__":
    main()
