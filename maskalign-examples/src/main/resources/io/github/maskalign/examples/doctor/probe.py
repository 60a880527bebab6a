from torch import Tensor


# x w, in float32 or with both operands rounded to bfloat16 (dtype 15) and the result back in float32 (6).
def product(x: Tensor, w: Tensor, bf16: bool) -> Tensor:
    if bf16:
        return torch.to(torch.matmul(torch.to(x, 15), torch.to(w, 15)), 6)
    return torch.matmul(x, w)
