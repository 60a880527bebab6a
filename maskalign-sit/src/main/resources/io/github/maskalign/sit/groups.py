# Channels that belong together: a model's input and output may be a latent and, behind it, features of the picture.
from torch import Tensor


# Channels first to first + count of (N, C, ...), or of patches (N, K, p p C) with the channel fastest: (N, K, p p, count).
def group(x: Tensor, first: int, count: int, channels: int) -> Tensor:
    if x.dim() == 4:
        return torch.narrow(x, 1, first, count)
    patches = torch.reshape(x, [x.size(0), x.size(1), x.size(2) // channels, channels])
    return torch.narrow(patches, 3, first, count)
