from torch import Tensor
from token_rows import rows


# (N, C, H, W) -> (N, G², p²C): patches row-major, within a patch pixels (a, b), channel fastest.
def tokenise(image: Tensor, patch: int) -> Tensor:
    N, C, G = image.size(0), image.size(1), image.size(2) // patch
    x = image.reshape([N, C, G, patch, G, patch])
    return torch.permute(x, [0, 2, 4, 3, 5, 1]).reshape([N, G * G, patch * patch * C])


# Squared error, averaged over everything but the samples: (N).
def velocity_loss(predicted: Tensor, target: Tensor) -> Tensor:
    return torch.mean(torch.flatten(torch.pow(torch.to(predicted, 6) - target, 2), 1), 1)


# The same over the kept patches: predicted (N, K, p²C), target (N, C, H, W).
def visible_velocity_loss(predicted: Tensor, target: Tensor, keep: Tensor, patch: int) -> Tensor:
    tokens = tokenise(target, patch)  # (N, T, p²C)
    return velocity_loss(predicted, torch.gather(tokens, 1, rows(keep, tokens.size(2))))
