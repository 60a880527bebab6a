from torch import Tensor
from linear import linear


def projector(
    h: Tensor, w0: Tensor, b0: Tensor, w2: Tensor, b2: Tensor, w4: Tensor, b4: Tensor, bf16: bool
) -> Tensor:
    h = torch.silu(linear(h, w0, b0, bf16))  # (N, T, hidden)
    h = torch.silu(linear(h, w2, b2, bf16))
    return torch.to(linear(h, w4, b4, bf16), 6)  # (N, T, Z)
