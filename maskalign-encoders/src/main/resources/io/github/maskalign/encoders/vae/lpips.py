# LPIPS: how different two pictures look to a network that tells classes apart (VGG-16, torchvision's layers).
from torch import Tensor
from typing import List


# Pictures in [-1, 1] as the network knows them.
def standardised(x: Tensor) -> Tensor:
    shift = torch.view(torch.tensor([-0.030, -0.088, -0.188], dtype=6, device=x.device), [1, 3, 1, 1])
    scale = torch.view(torch.tensor([0.458, 0.448, 0.450], dtype=6, device=x.device), [1, 3, 1, 1])
    return (x - shift) / scale


# Features of unit length at each pixel.
def unit(x: Tensor) -> Tensor:
    return x / (torch.sqrt(torch.sum(x * x, [1], True)) + 1e-10)


# One stage of VGG-16: its convolutions with ReLUs, behind a halving of the side for all but the first.
def stage(x: Tensor, weights: List[Tensor], first: int, count: int) -> Tensor:
    h = x
    if first > 0:
        h = torch.max_pool2d(h, [2, 2], [2, 2])
    for i in range(first, first + count):
        h = torch.relu(torch.conv2d(h, weights[2 * i], weights[2 * i + 1], [1, 1], [1, 1]))
    return h


# Mean over pictures of the distance of x and y (N, 3, H, W): over the five stages the sum of the mean over pixels of
# squared differences of unit features, weighted by channel. `weights` are those of 13 convolutions, each with its bias, then
# the five weights by channel (1, C, 1, 1).
def lpips(x: Tensor, y: Tensor, weights: List[Tensor]) -> Tensor:
    a, b = standardised(x), standardised(y)
    counts = [2, 2, 3, 3, 3]
    first = 0
    total = torch.zeros([], dtype=6, device=x.device)
    for k in range(5):
        a, b = stage(a, weights, first, counts[k]), stage(b, weights, first, counts[k])
        first += counts[k]
        difference = unit(a) - unit(b)
        distance = torch.conv2d(difference * difference, weights[26 + k])
        total = total + torch.mean(distance)
    return total
