"""A vision transformer of the DINOv2 architecture in PyTorch, under DINOv2's parameter names.

No register tokens. Where the picture has another grid than the position table, the table is resampled as REPA does it.
Letters as in sit_reference.py.
"""

import torch
import torch.nn.functional as F
from torch import nn

from sit_reference import Attention, PatchEmbed


class LayerScale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.gamma


class ExactMlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))  # erf form


class VitBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = ExactMlp(width, 4 * width)
        self.ls2 = LayerScale(width)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


def resample(table, old, rows, columns):
    """Position table (1, 1 + old², D) for another grid: bicubic with antialias; the class token's row is kept."""
    if (rows, columns) == (old, old):
        return table
    grid = table[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, (rows, columns), mode="bicubic", antialias=True)
    return torch.cat([table[:, :1], grid.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)], dim=1)


class Vit(nn.Module):
    def __init__(self, image_size, patch_size, width, depth, heads):
        super().__init__()
        self.patch_size, self.grid = patch_size, image_size // patch_size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of self-distillation; unused here
        self.patch_embed = PatchEmbed(3, width, patch_size)
        self.blocks = nn.ModuleList([VitBlock(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, image):
        """image (N, 3, H, W), already standardised -> class token (N, D), patch tokens (N, T, D)."""
        positions = resample(self.pos_embed, self.grid, *(side // self.patch_size for side in image.shape[2:]))
        x = self.patch_embed(image)  # (N, T, D)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + positions  # (N, 1+T, D)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x[:, 0], x[:, 1:]
