from torch import Tensor


# y = x W^T + b, in float32 or with both operands rounded to bfloat16 as autocast does.
# 15 is torch.bfloat16: an archive knows dtypes by number.
def linear(x: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> Tensor:
    if bf16:
        return torch.linear(torch.to(x, 15), torch.to(weight, 15), torch.to(bias, 15))
    return torch.linear(x, weight, bias)
