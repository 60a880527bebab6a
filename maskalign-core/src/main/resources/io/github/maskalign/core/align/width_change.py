from torch import Tensor
from linear import linear


def narrow(tokens: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    return torch.to(linear(tokens, weight, bias, bf16), 6)  # (N, T, m)


def widen_onto(mixed: Tensor, tokens: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    return tokens + torch.to(linear(mixed, weight, bias, bf16), 6)  # (N, T, D)
