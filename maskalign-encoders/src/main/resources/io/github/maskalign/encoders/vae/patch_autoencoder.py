# An autoencoder that computes on patches of 4 x 4 pixels: its layers, and what it is trained to. Weights come as a list:
# weight and bias of each convolution, from the first to the last.
from torch import Tensor
from typing import List, Tuple


# k x k, as many pixels out as in.
def convolution(x: Tensor, weights: List[Tensor], i: int) -> Tensor:
    p = weights[2 * i].size(3) // 2
    return torch.conv2d(x, weights[2 * i], weights[2 * i + 1], [1, 1], [p, p])


# x + Conv(SiLU(Conv(x))) for each pair of convolutions between the first and the last.
def residual_blocks(x: Tensor, weights: List[Tensor]) -> Tensor:
    h = convolution(x, weights, 0)
    for block in range(len(weights) // 4 - 1):
        h = h + convolution(torch.silu(convolution(h, weights, 1 + 2 * block)), weights, 2 + 2 * block)
    return convolution(h, weights, len(weights) // 2 - 1)


# Pictures in [-1, 1] (N, 3, H, W) to mean and log-variance (N, 2C, H/4, W/4).
def encode(x: Tensor, weights: List[Tensor]) -> Tensor:
    return residual_blocks(torch.pixel_unshuffle(x, 4), weights)


# Latents (N, C, h, w) to pictures (N, 3, 4h, 4w).
def decode(z: Tensor, weights: List[Tensor]) -> Tensor:
    return torch.pixel_shuffle(residual_blocks(z, weights), 4)


# Of the encoder's output (N, 2C, h, w) and standard normal noise (N, C, h, w): latents, the same at half the side, and
# the mean over all numbers of KL(N(mean, variance) || N(0, 1)).
def sampled(parameters: Tensor, noise: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    C = parameters.size(1) // 2
    mean = torch.narrow(parameters, 1, 0, C)
    log_variance = torch.clamp(torch.narrow(parameters, 1, C, C), -30.0, 20.0)
    variance = torch.exp(log_variance)
    z = mean + torch.exp(0.5 * log_variance) * noise
    kl = 0.5 * torch.mean(mean * mean + variance - 1.0 - log_variance)
    return z, torch.avg_pool2d(z, [2, 2], [2, 2]), kl


# Mean absolute difference of differences between neighbours, along both sides.
def edges(x: Tensor, y: Tensor) -> Tensor:
    d = x - y
    H, W = d.size(2), d.size(3)
    down = torch.narrow(d, 2, 1, H - 1) - torch.narrow(d, 2, 0, H - 1)
    right = torch.narrow(d, 3, 1, W - 1) - torch.narrow(d, 3, 0, W - 1)
    return torch.mean(torch.abs(down)) + torch.mean(torch.abs(right))


# Loss of pictures x (N, 3, H, W) that came back as y, and as half from latents at half the side; its parts.
def reconstruction_loss(
    x: Tensor, y: Tensor, half: Tensor, kl: Tensor, edge_weight: float, half_weight: float, kl_weight: float
) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    pixel = torch.mean(torch.abs(x - y))
    edge = edges(x, y)
    small = torch.mean(torch.abs(torch.avg_pool2d(x, [2, 2], [2, 2]) - half))
    total = pixel + edge_weight * edge + half_weight * small + kl_weight * kl
    return total, pixel, edge, small, kl
