from torch import Tensor


# Non-overlapping p x p patches through one linear map, tokens in row-major order, plus the position table.
def patch_embed(x: Tensor, positions: Tensor, weight: Tensor, bias: Tensor, patch: int, bf16: bool) -> Tensor:
    if bf16:
        h = torch.conv2d(torch.to(x, 15), torch.to(weight, 15), torch.to(bias, 15), [patch, patch])
    else:
        h = torch.conv2d(x, weight, bias, [patch, patch])  # (N, D, G, G)
    tokens = torch.to(torch.transpose(torch.flatten(h, 2), 1, 2), 6)  # (N, T, D)
    # with a class token the table has one row more, in front
    return tokens + positions[:, positions.size(1) - tokens.size(1):]
