from torch import Tensor
from typing import List


# Overwrites arrays in place; the returned number is only there because a function has to return something.
def copy_into(values: List[Tensor], arrays: List[Tensor]) -> Tensor:
    torch._foreach_copy_(arrays, values)
    return torch.zeros([])
