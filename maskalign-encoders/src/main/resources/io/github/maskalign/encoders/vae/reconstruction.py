# The losses of an autoencoder that is trained along with a diffusion model: posterior, pictures, a discriminator's verdict.
from torch import Tensor
from typing import List, Tuple


# Of the encoder's output (N, 2C, h, w) and standard normal noise (N, C, h, w): latents, and KL(N(mean, variance) || N(0, 1))
# summed over a picture's latent, the mean over pictures.
def posterior(parameters: Tensor, noise: Tensor) -> Tuple[Tensor, Tensor]:
    C = parameters.size(1) // 2
    mean = torch.narrow(parameters, 1, 0, C)
    log_variance = torch.clamp(torch.narrow(parameters, 1, C, C), -30.0, 20.0)
    z = mean + torch.exp(0.5 * log_variance) * noise
    kl = 0.5 * torch.sum(mean * mean + torch.exp(log_variance) - 1.0 - log_variance, [1, 2, 3])
    return z, torch.mean(kl)


# Mean absolute difference of two lots of pictures.
def pixel_difference(x: Tensor, y: Tensor) -> Tensor:
    return torch.mean(torch.abs(x - y))


# What a decoder minimises of the discriminator's scores of its pictures.
def generator_loss(fake: Tensor) -> Tensor:
    return torch.neg(torch.mean(fake))


# The discriminator's hinge loss: scores of true pictures above 1, of decoded ones below -1.
def hinge_loss(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * (torch.mean(torch.relu(1.0 - real)) + torch.mean(torch.relu(1.0 + fake)))


# total + weight * term.
def plus(total: Tensor, term: Tensor, weight: float) -> Tensor:
    return total + weight * term


# A convolution of 4 x 4 pixels without bias, a batch norm by the batch's own statistics, and a leaky ReLU.
def norm_layer(x: Tensor, weight: Tensor, scale: Tensor, shift: Tensor, stride: int) -> Tensor:
    h = torch.conv2d(x, weight, None, [stride, stride], [1, 1])
    h = torch.batch_norm(h, scale, shift, None, None, True, 0.1, 1e-5, False)
    return torch.leaky_relu(h, 0.2)


# PatchGAN: pictures (N, 3, H, W) to a score for each of many overlapping patches (N, 1, h, w). Weights: weight and bias of
# the first convolution, then of each layer with a norm the kernel, scale and shift, then weight and bias of the last one.
# All convolutions have stride 2 but the last two.
def patch_discriminator(x: Tensor, weights: List[Tensor]) -> Tensor:
    h = torch.leaky_relu(torch.conv2d(x, weights[0], weights[1], [2, 2], [1, 1]), 0.2)
    layers = (len(weights) - 4) // 3
    for i in range(layers):
        stride = 2
        if i == layers - 1:
            stride = 1
        h = norm_layer(h, weights[2 + 3 * i], weights[3 + 3 * i], weights[4 + 3 * i], stride)
    return torch.conv2d(h, weights[len(weights) - 2], weights[len(weights) - 1], [1, 1], [1, 1])
