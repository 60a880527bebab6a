from typing import Tuple
from torch import Tensor


# A row for each patch of 4 pixels: the mean colour, red first. (N, T, 3)
def patch_means(image: Tensor) -> Tensor:
    return torch.transpose(torch.flatten(torch.avg_pool2d(image, [4, 4]), 2), 1, 2)


# One tensor, the whole picture's mean first.
def joined(image: Tensor, scale: Tensor) -> Tensor:
    patches = patch_means(image) * scale
    return torch.cat([torch.mean(patches, [1], True), patches], 1)  # (N, 1 + T, 3)


# The same as a pair.
def pair(image: Tensor, scale: Tensor) -> Tuple[Tensor, Tensor]:
    patches = patch_means(image) * scale
    return torch.mean(patches, [1]), patches


def without_class_token(image: Tensor, scale: Tensor) -> Tensor:
    return patch_means(image) * scale


def two_widths(image: Tensor, scale: Tensor) -> Tuple[Tensor, Tensor]:
    patches = patch_means(image) * scale
    return torch.narrow(torch.mean(patches, [1]), 1, 0, 2), patches


def doubles(image: Tensor, scale: Tensor) -> Tensor:
    return torch.to(joined(image, scale), 7)


def picture(image: Tensor, scale: Tensor) -> Tensor:
    return image * scale


def three(image: Tensor, scale: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    c, p = pair(image, scale)
    return c, p, p


# As traced with a batch of one.
def of_one(image: Tensor, scale: Tensor) -> Tensor:
    x = joined(image, scale)
    return x.view([1, x.size(1), 3])
