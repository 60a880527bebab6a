from torch import Tensor
from linear import linear


# REG: the noised class token, brought to the model's width, normalised and put in front of the patches.
# Its row of the position table is added for completeness; it is zero in a fresh model.
def prepend_class_token(
    tokens: Tensor, cls: Tensor, positions: Tensor,
    weight: Tensor, bias: Tensor, norm_weight: Tensor, norm_bias: Tensor, bf16: bool
) -> Tensor:
    h = torch.to(linear(cls, weight, bias, bf16), 6)  # (N, D)
    h = torch.layer_norm(h, [h.size(1)], norm_weight, norm_bias, 1e-6)
    return torch.cat([torch.unsqueeze(h, 1) + positions[:, 0:1], tokens], 1)  # (N, 1+T, D)
