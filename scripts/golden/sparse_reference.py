"""SPRINT's SiT from its paper's formulas (arXiv 2510.21986): dense, sparse and dense blocks with a residual between.

Every sample runs alone, its kept tokens in a loop, so that nothing of the batched arithmetic is shared with what is tested.
Letters as in sit_reference.py; F tokens behind the first dense blocks, G those behind the sparse ones.
"""

from typing import NamedTuple

import torch
from torch import nn

from sit_reference import Output, SiT, SiTConfig, unpatchify


class Sparse(NamedTuple):
    dense: int  # first blocks, and as many last ones, on all tokens
    pattern: str = "RANDOM"


class SparseSiT(SiT):
    def __init__(self, config: SiTConfig, sparse: Sparse):
        super().__init__(config)
        width = config.hidden_size
        self.sparse = sparse
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.renoise_linear = nn.Linear(2 * width, width)

    def forward(self, x, t, y, cls=None, keep=None, path_dropped=None):
        config, dense = self.config, self.sparse.dense
        c = self.t_embedder(t) + self.y_embedder(y)
        x = self.x_embedder(x)
        if cls is not None:
            x = torch.cat([self.wg_norm(self.cls_projectors2(cls))[:, None], x], dim=1)
        x = x + self.pos_embed
        for block in getattr(self, "mixer", []):
            x = block(x, c)
        rows = [self._one(n, x[n : n + 1], c[n : n + 1], keep, path_dropped) for n in range(len(x))]
        out = torch.cat([row[0] for row in rows])
        z = [torch.cat([row[1][k] for row in rows]) for k in range(len(config.z_dims))]
        out = self.final_layer(out, c)
        out_cls = self.final_layer.linear_cls(out[:, 0]) if cls is not None else None
        v = self.final_layer.linear(out[:, 1:] if cls is not None else out)
        return Output(unpatchify(v, config.patch_size, self.out_channels), z, out_cls)

    def _one(self, n, x, c, keep, path_dropped):
        """One sample (1, [1+]T, D): its tokens before the head, and what the projectors saw."""
        config, dense, z = self.config, self.sparse.dense, []

        def run(tokens, blocks):
            for i in blocks:
                tokens = self.blocks[i](tokens, c)
                if i + 1 == config.encoder_depth:
                    z.extend(head(tokens) for head in getattr(self, "projectors", []))
            return tokens

        depth, total, first = len(self.blocks), x.shape[1], 1 if config.cls_dim else 0
        f = run(x, range(dense))
        kept = list(range(total)) if keep is None else list(range(first)) + [first + int(k) for k in keep[n]]
        g = run(f[:, kept], range(dense, depth - dense))
        dropped = path_dropped is not None and bool(path_dropped[n])
        mask = self.mask_token[:, 0]  # (1, D)
        full = [mask if dropped or i not in kept else g[:, kept.index(i)] for i in range(total)]
        joined = self.renoise_linear(torch.cat([torch.stack(full, dim=1), f], dim=2))  # (1, [1+]T, D)
        return run(joined, range(depth - dense, depth)), z


def one_of_each_window(draws, name, n, grid):
    """(N, T/4) indices, one of each 2 x 2 window, ascending."""
    rows = []
    for i in range(n):
        places = draws.integers(f"{name}.{i}", ((grid // 2) ** 2,), 4).tolist()
        windows = [(r, c) for r in range(0, grid, 2) for c in range(0, grid, 2)]
        rows.append(sorted((r + p // 2) * grid + c + p % 2 for (r, c), p in zip(windows, places)))
    return torch.tensor(rows, dtype=torch.int64)
