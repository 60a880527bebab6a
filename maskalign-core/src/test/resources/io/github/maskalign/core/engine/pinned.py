from torch import Tensor


def pinned(x: Tensor) -> Tensor:
    return torch.pin_memory(x)


def is_pinned(x: Tensor) -> Tensor:
    return torch.full_like(x, float(torch.is_pinned(x)))


def upload(x: Tensor, like: Tensor) -> Tensor:
    return torch.to(x, like.device, 6, True)


def nonzero(x: Tensor) -> Tensor:
    return torch.nonzero(x)


def bfloat16_and_back(x: Tensor) -> Tensor:
    return torch.to(torch.to(x, 15), 6)


def resized(x: Tensor) -> Tensor:
    y = torch.clone(x)
    torch.resize_(y, [5, 7])
    return torch.fill_(y, 3.0)
