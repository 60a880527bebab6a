"""SiT and its relatives (REPA, REG, MaskAlign) in PyTorch, written from the published formulas.

One class covers the family; parameter names are those of the official checkpoints. Nothing random happens
here: label drop and token subsets are given by the caller. Time is fed as it is, so the same model serves
REPA's axis (t = 0 data) and willisma/SiT's (t = 1 data, `learn_sigma`).

Letters: N batch, C channels, H W size, p patch, G grid, T tokens, K kept tokens, D width, h heads, d head
width, L depth, Z encoder width.
"""

import json
import math
from dataclasses import asdict, dataclass
from typing import List, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PLACEMENTS = ("NONE", "DROP", "LOSS_ONLY", "ROUTE", "DROP_REINSERT")


@dataclass(frozen=True)
class SiTConfig:
    input_size: int = 32
    patch_size: int = 2
    in_channels: int = 4
    hidden_size: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_ratio: float = 4.0
    num_classes: int = 1000
    encoder_depth: int = 4
    z_dims: Tuple[int, ...] = ()
    projector_dim: int = 2048
    cls_dim: int = 0  # 0: no class token
    mixer_layers: int = 0
    learn_sigma: bool = False  # twice the output rows, of which the first C channels are the velocity
    placement: str = "NONE"
    route_start: int = 0  # 0-based, both ends inclusive
    route_end: int = 0

    @property
    def grid(self):
        return self.input_size // self.patch_size

    @property
    def tokens(self):
        return self.grid**2

    def parity_json(self):
        """The configuration under the key names of a parity case."""
        keys = (
            "input_size patch_size in_channels hidden_size depth num_heads mlp_ratio num_classes encoder_depth "
            "z_dims projector_dim cls_dim mixer_layers"
        ).split()
        values = asdict(self)
        return json.dumps({key: values[key] for key in keys})


class Output(NamedTuple):
    velocity: Tensor  # (N, C, H, W), or (N, K, p²·C) when tokens were dropped for good
    z: List[Tensor]  # per encoder (N, T, Z), class token first if there is one
    cls: Optional[Tensor]  # (N, Z)


# --- fixed tables -----------------------------------------------------------------------------------------


def time_features(t: Tensor, width: int = 256) -> Tensor:
    """[cos(t·f) | sin(t·f)], f_k = 10000^(-k / (width/2)); (N) -> (N, width)."""
    half = width // 2
    k = torch.arange(half, dtype=t.dtype, device=t.device)
    angles = t[:, None] * torch.exp(-math.log(10000.0) * k / half)  # (N, width/2)
    return torch.cat([angles.cos(), angles.sin()], dim=1)  # (N, width)


def position_table(width: int, grid: int) -> Tensor:
    """[sin(col·w) | cos(col·w) | sin(row·w) | cos(row·w)] for token row·G + col; float64 (G², D)."""
    quarter = width // 4
    w = 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)  # (D/4)
    axis = torch.arange(grid, dtype=torch.float64)
    row = axis.repeat_interleave(grid)[:, None] * w  # (G², D/4)
    col = axis.repeat(grid)[:, None] * w  # (G², D/4)
    return torch.cat([col.sin(), col.cos(), row.sin(), row.cos()], dim=1)  # (G², D)


# --- token layout -----------------------------------------------------------------------------------------


def tokenise(image: Tensor, p: int) -> Tensor:
    """(N, C, H, W) -> (N, G², p²·C): rows of patches, then pixels of a patch, channel fastest."""
    n, c, height, width = image.shape
    x = image.reshape(n, c, height // p, p, width // p, p)  # (N, C, i, a, j, b)
    x = x.permute(0, 2, 4, 3, 5, 1)  # (N, i, j, a, b, C)
    return x.reshape(n, (height // p) * (width // p), p * p * c)


def unpatchify(tokens: Tensor, p: int, channels: int) -> Tensor:
    """(N, G², p²·C) -> (N, C, H, W), the inverse of tokenise for square images."""
    n, count, _ = tokens.shape
    g = math.isqrt(count)
    x = tokens.reshape(n, g, g, p, p, channels)  # (N, i, j, a, b, C)
    x = x.permute(0, 5, 1, 3, 2, 4)  # (N, C, i, a, j, b)
    return x.reshape(n, channels, g * p, g * p)


def gather(tokens: Tensor, index: Tensor) -> Tensor:
    """Rows of (N, T, D) named by (N, K) -> (N, K, D)."""
    return tokens.gather(1, index[:, :, None].expand(-1, -1, tokens.shape[-1]))


def scatter(tokens: Tensor, index: Tensor, rows: Tensor) -> Tensor:
    """A copy of (N, T, D) in which the rows named by (N, K) are replaced by (N, K, D)."""
    return tokens.scatter(1, index[:, :, None].expand(-1, -1, tokens.shape[-1]), rows.to(tokens.dtype))


def with_class_token(keep: Tensor) -> Tensor:
    """Patch indices -> sequence indices that start with the class token; (N, K) -> (N, 1+K)."""
    return torch.cat([torch.zeros_like(keep[:, :1]), keep + 1], dim=1)


# --- parts ------------------------------------------------------------------------------------------------


def layer_norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return x * (1 + scale[:, None]) + shift[:, None]


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        n, t, width = x.shape
        qkv = self.qkv(x).view(n, t, 3, self.heads, width // self.heads)  # (N, T, 3, h, d)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, h, T, d)
        x = F.scaled_dot_product_attention(q, k, v)  # (N, h, T, d), scaled by d^-1/2
        return self.proj(x.transpose(1, 2).reshape(n, t, width))  # (N, T, D)


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class SiTBlock(nn.Module):
    """adaLN-Zero transformer block: x (N, T, D), condition c (N, D) -> (N, T, D)."""

    def __init__(self, width, heads, mlp_ratio):
        super().__init__()
        self.attn = Attention(width, heads)
        self.mlp = Mlp(width, int(width * mlp_ratio))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x, c):
        chunks = self.adaLN_modulation(c).chunk(6, dim=1)  # six of (N, D)
        shift_msa, scale_msa, gate_msa, shift_mlp, scale_mlp, gate_mlp = chunks
        x = x + gate_msa[:, None] * self.attn(modulate(layer_norm(x), shift_msa, scale_msa))
        return x + gate_mlp[:, None] * self.mlp(modulate(layer_norm(x), shift_mlp, scale_mlp))


class PatchEmbed(nn.Module):
    def __init__(self, channels, width, p):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, p, stride=p)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)  # (N, G², D)


class TimestepEmbedder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t):
        return self.mlp(time_features(t))  # (N, D)


class LabelEmbedder(nn.Module):
    def __init__(self, classes, width):
        super().__init__()
        self.embedding_table = nn.Embedding(classes + 1, width)  # the last row is "no class"

    def forward(self, y):
        return self.embedding_table(y)  # (N, D)


class FinalLayer(nn.Module):
    def __init__(self, width, patch_values, cls_dim):
        super().__init__()
        self.linear = nn.Linear(width, patch_values)
        if cls_dim:
            self.linear_cls = nn.Linear(width, cls_dim)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x, c):
        shift, scale = self.adaLN_modulation(c).chunk(2, dim=1)
        return modulate(layer_norm(x), shift, scale)  # (N, T, D), before the linear heads


def projector(width, hidden, out):
    return nn.Sequential(
        nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, out)
    )


# --- the model --------------------------------------------------------------------------------------------


class SiT(nn.Module):
    def __init__(self, config: SiTConfig):
        super().__init__()
        if config.placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {PLACEMENTS} but was {config.placement}")
        self.config = config
        width, p = config.hidden_size, config.patch_size
        rows = config.tokens + (1 if config.cls_dim else 0)
        self.out_channels = config.in_channels * (2 if config.learn_sigma else 1)

        def block():
            return SiTBlock(width, config.num_heads, config.mlp_ratio)

        self.pos_embed = nn.Parameter(torch.zeros(1, rows, width), requires_grad=False)
        self.x_embedder = PatchEmbed(config.in_channels, width, p)
        self.t_embedder = TimestepEmbedder(width)
        self.y_embedder = LabelEmbedder(config.num_classes, width)
        self.blocks = nn.ModuleList([block() for _ in range(config.depth)])
        if config.z_dims:
            self.projectors = nn.ModuleList([projector(width, config.projector_dim, z) for z in config.z_dims])
        self.final_layer = FinalLayer(width, p * p * self.out_channels, config.cls_dim)
        if config.cls_dim:
            self.cls_projectors2 = nn.Linear(config.cls_dim, width)
            self.wg_norm = nn.LayerNorm(width, eps=1e-6)
        if config.mixer_layers:
            self.mixer = nn.ModuleList([block() for _ in range(config.mixer_layers)])
        if config.placement == "DROP_REINSERT":
            self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.reset_parameters()

    def reset_parameters(self):
        """The published initialisation; later lines overwrite earlier ones."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        table = position_table(self.config.hidden_size, self.config.grid)
        self.pos_embed.data.zero_()[0, -self.config.tokens :] = table  # the class token's row stays zero
        conv = self.x_embedder.proj
        nn.init.xavier_uniform_(conv.weight.view(conv.weight.shape[0], -1))
        nn.init.zeros_(conv.bias)
        nn.init.normal_(self.y_embedder.embedding_table.weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[0].weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[2].weight, std=0.02)
        blocks = [*self.blocks, *getattr(self, "mixer", [])]
        zero = [part.adaLN_modulation[1] for part in [*blocks, self.final_layer]] + [self.final_layer.linear]
        zero += [self.final_layer.linear_cls] if self.config.cls_dim else []
        for linear in zero:
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        if hasattr(self, "mask_token"):
            nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, x, t, y, cls=None, keep=None) -> Output:
        """x (N, C, H, W), t (N), y (N) int64, cls (N, Z) noised class token, keep (N, K) patch indices."""
        config = self.config
        c = self.t_embedder(t) + self.y_embedder(y)  # (N, D)
        x = self.x_embedder(x)  # (N, G², D)
        if cls is not None:
            cls = self.wg_norm(self.cls_projectors2(cls))  # (N, D)
            x = torch.cat([cls[:, None], x], dim=1)  # (N, 1+G², D)
        x = x + self.pos_embed  # (N, T, D)
        for block in getattr(self, "mixer", []):
            x = block(x, c)  # (N, T, D)

        subset = None
        if keep is not None and config.placement in ("DROP", "ROUTE", "DROP_REINSERT"):
            subset = keep if cls is None else with_class_token(keep)  # sequence indices
        total, bypass = x.shape[1], None
        if subset is not None and config.placement != "ROUTE":
            x = gather(x, subset)  # (N, [1+]K, D)

        z = []
        for i, block in enumerate(self.blocks):
            routed = subset is not None and config.placement == "ROUTE"
            if routed and i == config.route_start:
                bypass, x = x, gather(x, subset)  # (N, [1+]K, D)
            x = block(x, c)
            if i + 1 == config.encoder_depth:  # the tap sees what the block saw, kept tokens inside a route
                z = [head(x) for head in getattr(self, "projectors", [])]  # each (N, T, Z)
            if routed and i == config.route_end:
                x = scatter(bypass, subset, x)  # (N, T, D)

        if subset is not None and config.placement == "DROP_REINSERT":
            x = scatter(self.mask_token.expand(x.shape[0], total, -1).to(x.dtype), subset, x)  # (N, T, D)
        x = self.final_layer(x, c)  # (N, T, D)
        out_cls = None
        if cls is not None:
            out_cls = self.final_layer.linear_cls(x[:, 0])  # (N, Z)
            x = x[:, 1:]
        v = self.final_layer.linear(x)  # (N, G² or K, p²·C)
        if subset is not None and config.placement == "DROP":
            return Output(v, z, out_cls)
        v = unpatchify(v, config.patch_size, self.out_channels)  # (N, C, H, W)
        return Output(v[:, : config.in_channels], z, out_cls)
