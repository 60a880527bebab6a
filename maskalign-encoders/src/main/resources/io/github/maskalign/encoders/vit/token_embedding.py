from torch import Tensor


# The learned table of a square grid for pictures of another grid, bicubic, the rows before the grid kept.
# Rules: 0 with antialias; 1 without; 2 without, by the scale (side + 0.1) / grid.
def positions(pos_embed: Tensor, grid: int, rows: int, columns: int, rule: int) -> Tensor:
    if rows == grid and columns == grid:
        return pos_embed
    D = pos_embed.size(2)
    before = pos_embed.size(1) - grid * grid
    table = torch.narrow(pos_embed, 1, before, grid * grid).view([1, grid, grid, D])
    table = torch.permute(table, [0, 3, 1, 2])
    if rule == 0:
        table = torch._upsample_bicubic2d_aa(table, [rows, columns], False)
    elif rule == 1:
        table = torch.upsample_bicubic2d(table, [rows, columns], False)
    else:
        table = torch.upsample_bicubic2d(
            table, [rows, columns], False, (float(rows) + 0.1) / float(grid), (float(columns) + 0.1) / float(grid))
    table = torch.flatten(table, 2).transpose(1, 2)  # (1, T, D)
    return torch.cat([torch.narrow(pos_embed, 1, 0, before), table], 1)


# x is (N, D, h, w): the class token in front, positions added: (N, 1 + T, D).
def with_class_token(x: Tensor, cls_token: Tensor, pos_embed: Tensor, grid: int, rule: int) -> Tensor:
    table = positions(pos_embed, grid, x.size(2), x.size(3), rule)
    x = torch.flatten(x, 2).transpose(1, 2)  # (N, T, D)
    return torch.cat([cls_token.expand([x.size(0), -1, -1]), x], 1) + table


# Patches cut and projected by one convolution, the class token in front, positions added: (N, 1 + T, D).
def class_and_patches(
    image: Tensor, cls_token: Tensor, pos_embed: Tensor, weight: Tensor, bias: Tensor,
    patch: int, grid: int, rule: int
) -> Tensor:
    x = torch.conv2d(image, weight, bias, [patch, patch])  # (N, D, h, w)
    return with_class_token(x, cls_token, pos_embed, grid, rule)


# The same without bias, as in CLIP.
def class_and_patches_without_bias(
    image: Tensor, cls_token: Tensor, pos_embed: Tensor, weight: Tensor, patch: int, grid: int, rule: int
) -> Tensor:
    x = torch.conv2d(image, weight, None, [patch, patch])  # (N, D, h, w)
    return with_class_token(x, cls_token, pos_embed, grid, rule)


# Registers come after the class token and have no position: (N, 1 + R + T, D).
def class_registers_and_patches(
    image: Tensor, cls_token: Tensor, pos_embed: Tensor, register_tokens: Tensor, weight: Tensor, bias: Tensor,
    patch: int, grid: int, rule: int
) -> Tensor:
    x = class_and_patches(image, cls_token, pos_embed, weight, bias, patch, grid, rule)
    registers = register_tokens.expand([x.size(0), -1, -1])
    return torch.cat([torch.narrow(x, 1, 0, 1), registers, torch.narrow(x, 1, 1, x.size(1) - 1)], 1)


# Patches and positions alone, as in I-JEPA: (N, T, D).
def patches_alone(
    image: Tensor, pos_embed: Tensor, weight: Tensor, bias: Tensor, patch: int, grid: int, rule: int
) -> Tensor:
    x = torch.conv2d(image, weight, bias, [patch, patch])  # (N, D, h, w)
    table = positions(pos_embed, grid, x.size(2), x.size(3), rule)
    return torch.flatten(x, 2).transpose(1, 2) + table
