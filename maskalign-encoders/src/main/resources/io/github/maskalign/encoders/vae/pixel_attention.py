from torch import Tensor
from linear import linear


# Attention of one head between all pixels of a picture, and the picture added: (N, C, H, W).
def pixel_attention(
    x: Tensor,
    norm_weight: Tensor, norm_bias: Tensor,
    q_weight: Tensor, q_bias: Tensor, k_weight: Tensor, k_bias: Tensor, v_weight: Tensor, v_bias: Tensor,
    out_weight: Tensor, out_bias: Tensor,
    groups: int, bf16: bool
) -> Tensor:
    N, C, H, W = x.size(0), x.size(1), x.size(2), x.size(3)
    h = torch.group_norm(x, groups, norm_weight, norm_bias, 1e-6)
    h = torch.transpose(torch.flatten(h, 2), 1, 2)  # (N, HW, C)
    q = torch.unsqueeze(linear(h, q_weight, q_bias, bf16), 1)  # (N, 1, HW, C)
    k = torch.unsqueeze(linear(h, k_weight, k_bias, bf16), 1)
    v = torch.unsqueeze(linear(h, v_weight, v_bias, bf16), 1)
    y = torch.squeeze(torch.scaled_dot_product_attention(q, k, v), 1)  # (N, HW, C)
    y = torch.to(linear(y, out_weight, out_bias, bf16), 6)
    return x + torch.transpose(y, 1, 2).reshape([N, C, H, W])
