"""MaskDiT's encoder and decoder around our SiT (arXiv 2306.09305), and its loss on painted patches, from the paper.

Samples run one by one, and patches are visited in loops. Letters as in sit_reference.py; m the decoder's width.
"""

from typing import NamedTuple

import torch
from torch import nn

from sit_reference import Attention, Mlp, Output, SiT, SiTConfig, layer_norm, modulate, position_table, unpatchify


class Decoder(NamedTuple):
    layers: int
    width: int
    heads: int


class ConditionedBlock(nn.Module):
    """adaLN-Zero block whose condition has a width of its own."""

    def __init__(self, width, condition, heads, mlp_ratio):
        super().__init__()
        self.attn = Attention(width, heads)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(condition, 6 * width))

    def forward(self, x, c):
        a, b, gate, d, e, gate2 = self.adaLN_modulation(c).chunk(6, dim=1)
        x = x + gate[:, None] * self.attn(modulate(layer_norm(x), a, b))
        return x + gate2[:, None] * self.mlp(modulate(layer_norm(x), d, e))


class Entrance(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.linear = nn.Linear(width, out)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x, c):
        shift, scale = self.adaLN_modulation(c).chunk(2, dim=1)
        return self.linear(modulate(layer_norm(x), shift, scale))


class MaskedSiT(SiT):
    def __init__(self, config: SiTConfig, decoder: Decoder):
        super().__init__(config)
        width, m = config.hidden_size, decoder.width
        first = 1 if config.cls_dim else 0
        self.first = first
        self.mask_token = nn.Parameter(torch.zeros(1, 1, m))
        table = torch.cat([torch.zeros(first, m, dtype=torch.float64), position_table(m, config.grid)])
        self.decoder_pos_embed = nn.Parameter(table[None].float(), requires_grad=False)
        self.decoder_layer = Entrance(width, m)
        self.decoder_blocks = nn.ModuleList(
            [ConditionedBlock(m, width, decoder.heads, config.mlp_ratio) for _ in range(decoder.layers)])
        head = self.final_layer
        head.linear = nn.Linear(m, head.linear.out_features)
        if config.cls_dim:
            head.linear_cls = nn.Linear(m, config.cls_dim)
        head.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * m))

    def forward(self, x, t, y, cls=None, keep=None):
        config = self.config
        c = self.t_embedder(t) + self.y_embedder(y)
        x = self.x_embedder(x)
        if cls is not None:
            x = torch.cat([self.wg_norm(self.cls_projectors2(cls))[:, None], x], dim=1)
        x = x + self.pos_embed
        for block in getattr(self, "mixer", []):
            x = block(x, c)
        outs, zs = [], []
        for n in range(len(x)):
            total, cn = x.shape[1], c[n : n + 1]
            kept = list(range(total))
            if keep is not None:
                kept = list(range(self.first)) + [self.first + int(k) for k in keep[n]]
            h = x[n : n + 1, kept]
            for i, block in enumerate(self.blocks, 1):
                h = block(h, cn)
                if i == config.encoder_depth:
                    zs.append([head(h) for head in getattr(self, "projectors", [])])
            h = self.decoder_layer(h, cn)
            places = [h[:, kept.index(i)] if i in kept else self.mask_token[:, 0] for i in range(total)]
            h = torch.stack(places, dim=1) + self.decoder_pos_embed
            for block in self.decoder_blocks:
                h = block(h, cn)
            outs.append(self.final_layer(h, cn))
        out = torch.cat(outs)
        z = [torch.cat([row[k] for row in zs]) for k in range(len(config.z_dims))]
        out_cls = self.final_layer.linear_cls(out[:, 0]) if cls is not None else None
        v = self.final_layer.linear(out[:, self.first :])
        return Output(unpatchify(v, config.patch_size, self.out_channels), z, out_cls)


def painted_loss(clean, noised, keep, p):
    """Mean over samples and their patches outside keep of the squared error against the normalised noised patch."""
    grid = noised.shape[-1] // p
    per_sample = []
    for n in range(len(noised)):
        errors = []
        for token in sorted(set(range(grid * grid)) - set(keep[n].tolist())):
            r, q = token // grid * p, token % grid * p
            goal = noised[n, :, r : r + p, q : q + p]
            goal = (goal - goal.mean()) / (goal.var(unbiased=True) + 1e-6).sqrt()
            errors.append((clean[n, :, r : r + p, q : q + p] - goal).square().mean())
        per_sample.append(sum(errors) / len(errors))
    return sum(per_sample) / len(per_sample)
