from typing import Tuple
from torch import Tensor


# The closing norm; the class token (N, D) and the patch tokens (N, T, D) apart.
def final_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tuple[Tensor, Tensor]:
    x = torch.layer_norm(x, [x.size(2)], weight, bias, 1e-6)  # (N, 1 + T, D)
    return torch.select(x, 1, 0), torch.narrow(x, 1, 1, x.size(1) - 1)
