from torch import Tensor


# The learned position table of a square grid, resampled bicubically with antialias where the picture's
# grid differs; the class token's row is kept.
def positions(pos_embed: Tensor, grid: int, rows: int, columns: int) -> Tensor:
    if rows == grid and columns == grid:
        return pos_embed
    D = pos_embed.size(2)
    table = torch.narrow(pos_embed, 1, 1, grid * grid).view([1, grid, grid, D])
    table = torch._upsample_bicubic2d_aa(torch.permute(table, [0, 3, 1, 2]), [rows, columns], False)
    table = torch.flatten(table, 2).transpose(1, 2)  # (1, T, D)
    return torch.cat([torch.narrow(pos_embed, 1, 0, 1), table], 1)


# Patches cut and projected by one convolution, the class token in front, positions added: (N, 1 + T, D).
def token_embedding(
    image: Tensor, cls_token: Tensor, pos_embed: Tensor, weight: Tensor, bias: Tensor, patch: int, grid: int
) -> Tensor:
    x = torch.conv2d(image, weight, bias, [patch, patch])  # (N, D, h, w)
    table = positions(pos_embed, grid, x.size(2), x.size(3))
    x = torch.flatten(x, 2).transpose(1, 2)  # (N, T, D)
    return torch.cat([cls_token.expand([x.size(0), -1, -1]), x], 1) + table
