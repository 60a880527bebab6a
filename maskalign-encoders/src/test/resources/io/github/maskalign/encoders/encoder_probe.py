from torch import Tensor


# Mean colours of 4 x 4 patches as tokens of width 3.
def patches_alone(image: Tensor) -> Tensor:
    return torch.flatten(torch.avg_pool2d(image, [4, 4]), 2).transpose(1, 2)  # (N, T, 3)


# The same behind a class token of sevens: (N, 1 + T, 3).
def tokens(image: Tensor) -> Tensor:
    x = torch.flatten(torch.avg_pool2d(image, [4, 4]), 2).transpose(1, 2)
    return torch.cat([torch.full_like(torch.narrow(x, 1, 0, 1), 7.0), x], 1)
