from typing import Tuple
from torch import Tensor


# LayerNorm over the width.
def token_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    return torch.layer_norm(x, [x.size(2)], weight, bias, eps)


# The class token (N, D) and the patch tokens (N, T, D) apart; `before` tokens stand before the patches.
def split_tokens(x: Tensor, before: int) -> Tuple[Tensor, Tensor]:
    return torch.select(x, 1, 0), torch.narrow(x, 1, before, x.size(1) - before)
