from torch import Tensor


# c = time + label.
def condition(y: Tensor, time: Tensor, table: Tensor) -> Tensor:
    return time + torch.embedding(table, y)  # (N, D)


# Labels whose entry in dropped is not 0 become the null class.
def drop_labels(y: Tensor, dropped: Tensor, null_label: int) -> Tensor:
    return torch.where(dropped != 0, torch.full_like(y, null_label), y)  # (N)
