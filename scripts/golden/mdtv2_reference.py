"""MDTv2's network from its paper (arXiv 2303.14389) and what its code fixes beyond it, in PyTorch; DDPM's loss is dit_reference.

Every sample runs alone, its kept tokens in the order given and its biases looked up pair by pair, so that nothing of the batched
arithmetic is shared with what is tested. Beyond the paper: a table of (2 G - 1)^2 + 3 biases per block and head, learned position
tables, the block of the side-interpolater seen at dropped places alone, the decoder's skips from the embedded input, and the weight
min(SNR, 5) / SNR of the noise's error. Letters as in sit_reference.py; m blocks on each side of the encoder.
"""

import math

import torch
from torch import nn

from dit_reference import FloatTime, chain, column, losses, state
from sit_reference import LabelEmbedder, Mlp, FinalLayer, PatchEmbed, SiTConfig, TimestepEmbedder, layer_norm, modulate
from sit_reference import unpatchify


def rows_of(places, grid):
    """Which row of a table each pair of places has: by how far down and how far right of the other the first one is."""
    side = 2 * grid - 1
    return torch.tensor([[(i // grid - j // grid + grid - 1) * side + i % grid - j % grid + grid - 1 for j in places]
                         for i in places])


class Table(nn.Module):
    def __init__(self, grid, heads):
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * grid - 1) ** 2 + 3, heads))


class BiasedAttention(nn.Module):
    def __init__(self, width, heads, grid):
        super().__init__()
        self.heads, self.grid = heads, grid
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.rel_pos_bias = Table(grid, heads)

    def forward(self, x, places):
        """x (1, T, D) of tokens at these places of the grid."""
        width, d = x.shape[2], x.shape[2] // self.heads
        q, k, v = self.qkv(x)[0].split(width, dim=1)  # each (T, D)
        bias = self.rel_pos_bias.relative_position_bias_table[rows_of(places, self.grid)]  # (T, T, h)
        out = []
        for h in range(self.heads):
            part = slice(h * d, (h + 1) * d)
            scores = q[:, part] @ k[:, part].T / math.sqrt(d) + bias[:, :, h]
            out.append(torch.softmax(scores, dim=1) @ v[:, part])
        return self.proj(torch.cat(out, dim=1))[None]


class Block(nn.Module):
    def __init__(self, config, skip):
        super().__init__()
        width = config.hidden_size
        self.attn = BiasedAttention(width, config.num_heads, config.grid)
        self.mlp = Mlp(width, int(width * config.mlp_ratio))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        if skip:
            self.skip_linear = nn.Linear(2 * width, width)

    def forward(self, x, c, places, skip=None):
        if skip is not None:
            x = self.skip_linear(torch.cat([x, skip], dim=2))
        a, b, g, e, f, o = self.adaLN_modulation(c).chunk(6, dim=1)  # shift, scale, gate of attention, then of the MLP
        x = x + g[:, None] * self.attn(modulate(layer_norm(x), a, b), places)
        return x + o[:, None] * self.mlp(modulate(layer_norm(x), e, f))


class MDTv2(nn.Module):
    def __init__(self, config: SiTConfig, decoder: int):
        super().__init__()
        width, half = config.hidden_size, (config.depth - decoder) // 2
        self.config = config
        self.x_embedder = PatchEmbed(config.in_channels, width, config.patch_size)
        self.t_embedder = FloatTime(TimestepEmbedder(width))
        self.y_embedder = LabelEmbedder(config.num_classes, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tokens, width))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, config.tokens, width))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.en_inblocks = nn.ModuleList([Block(config, False) for _ in range(half)])
        self.en_outblocks = nn.ModuleList([Block(config, True) for _ in range(half)])
        self.de_blocks = nn.ModuleList([Block(config, True) for _ in range(decoder)])
        self.sideblocks = nn.ModuleList([Block(config, False)])
        self.final_layer = FinalLayer(width, config.patch_size**2 * 2 * config.in_channels, 0)

    def forward(self, x, n, y, keep=None):
        """Noise and variance (N, 2C, H, W) of states at steps n; keep (N, K)."""
        c = self.t_embedder(n) + self.y_embedder(y)
        x = self.x_embedder(x) + self.pos_embed
        out = torch.cat([self._one(x[i : i + 1], c[i : i + 1], None if keep is None else keep[i].tolist())
                         for i in range(len(x))])
        v = self.final_layer.linear(self.final_layer(out, c))
        return unpatchify(v, self.config.patch_size, 2 * self.config.in_channels)

    def _one(self, x, c, keep):
        whole = list(range(self.config.tokens))
        seen, start, skips = whole if keep is None else keep, x, []
        x = x[:, seen]
        for block in self.en_inblocks:
            x = block(x, c, seen)
            skips.append(x)
        for block in self.en_outblocks:
            x = block(x, c, seen, skips.pop())
        if keep is not None:
            x = torch.stack([x[:, keep.index(i)] if i in keep else self.mask_token[:, 0] for i in whole], dim=1)
        x = x + self.decoder_pos_embed
        if keep is not None:
            guessed = self.sideblocks[0](x, c, whole)
            x = torch.stack([x[:, i] if i in keep else guessed[:, i] for i in whole], dim=1)
        for block in self.de_blocks:
            x = block(x, c, whole, start)
        return x


def training_loss(model, x, eps, n, y, keep=None, cap=0.0):
    """(noise, bound): means over the batch, the noise's weighted by min(snr, cap) / snr if there is a cap."""
    said, share = model(state(x, eps, n), n, y, keep).chunk(2, dim=1)
    noise, bound = losses(said, share, x, eps, n)
    if cap:
        bar = column(chain().bars, n, noise)
        snr = bar / (1 - bar)
        noise = noise * torch.minimum(snr, torch.tensor(cap, dtype=snr.dtype)) / snr
    return noise.mean(), bound.mean()


def scale_at(w, power, t):
    """Guidance at time t of [0, 1], t = 1 noise: half a cosine in (1 - t)^power."""
    return 1 + (w - 1) * (1 - math.cos(math.pi * (1 - t) ** power)) / 2
