# The norm between an autoencoder that is trained along and the model: latents (N, C, h, w), statistics (C).
from torch import Tensor
from typing import Tuple


# Latents of mean 0 and variance 1 by channel, as these statistics say.
def normalised(z: Tensor, running_mean: Tensor, running_var: Tensor, eps: float) -> Tensor:
    mean = torch.view(running_mean, [1, -1, 1, 1])
    return (z - mean) / torch.sqrt(torch.view(running_var, [1, -1, 1, 1]) + eps)


# The same by the statistics of these latents, and the running statistics after them: those take in a share of the mean and
# of the unbiased variance.
def batch_normalised(
    z: Tensor, running_mean: Tensor, running_var: Tensor, momentum: float, eps: float
) -> Tuple[Tensor, Tensor, Tensor]:
    n = z.numel() // z.size(1)
    mean = torch.mean(z, [0, 2, 3])
    difference = z - torch.view(mean, [1, -1, 1, 1])
    var = torch.mean(difference * difference, [0, 2, 3])
    unbiased = var * (float(n) / float(max(n - 1, 1)))
    return (
        normalised(z, mean, var, eps),
        (1.0 - momentum) * running_mean + momentum * mean,
        (1.0 - momentum) * running_var + momentum * unbiased,
    )
