from typing import Tuple
from torch import Tensor


# Pictures as bytes (N, 3, H, W) to [-1, 1].
def scaled(images: Tensor) -> Tensor:
    return torch.to(images, 6) / 127.5 - 1.0


# Mean and standard deviation of the latent from the encoder's output (N, 2C, h, w).
def moments(parameters: Tensor) -> Tuple[Tensor, Tensor]:
    C = parameters.size(1) // 2
    log_variance = torch.clamp(torch.narrow(parameters, 1, C, C), -30.0, 20.0)
    return torch.narrow(parameters, 1, 0, C).contiguous(), torch.exp(0.5 * log_variance)
