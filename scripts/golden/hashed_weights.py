"""Weights of the Inception network that Python and Java make alike from a formula: 95 MB that no fixture has to hold."""

import math

import numpy as np
import torch


def hashed(tensor, count):
    """Numbers of [-1, 1), multiples of 2^-23, from the number of the tensor and of the element; all in 32 bits."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((tensor * 40503 + 12345) % 2**32)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    h *= np.uint32(3266489917)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def tensor(number, name, shape):
    """By what a tensor is: convolutions as He would start them, batch norms around the identity."""
    u = hashed(number, math.prod(shape))
    if name.endswith("conv.weight"):
        values = u * np.float32(math.sqrt(6 / math.prod(shape[1:])))
    elif name.endswith("bn.weight"):
        values = u * np.float32(0.25) + np.float32(1)
    elif name.endswith("bn.running_var"):
        values = u * np.float32(0.5) + np.float32(1)
    elif name.endswith(("bn.bias", "bn.running_mean")):
        values = u * np.float32(0.25)
    else:  # the classifier
        values = u * np.float32(0.1)
    return torch.from_numpy(values.reshape(tuple(shape)))


def state_dict(expected):
    """Fills a state dict; tensors are numbered in the order of their names, counters stay zero."""
    names = sorted(name for name in expected if not name.endswith("num_batches_tracked"))
    made = {name: tensor(i, name, expected[name].shape) for i, name in enumerate(names)}
    return {name: made.get(name, torch.zeros((), dtype=torch.int64)) for name in expected}
