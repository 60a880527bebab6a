from torch import Tensor


# total + weight * part, in the type of the total: in plain array arithmetic a 0-d float32 times a Java number
# would become float64.
def add_weighted(total: Tensor, part: Tensor, weight: float) -> Tensor:
    return torch.add(total, part, alpha=weight)
