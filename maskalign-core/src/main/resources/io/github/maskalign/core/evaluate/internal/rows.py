from torch import Tensor


# Rows of one block at these places.
def rows_at(block: Tensor, places: Tensor) -> Tensor:
    return torch.index_select(block, 0, places)


# Blocks side by side as one copy.
def copy_rows(block: Tensor, rows: Tensor, at: int, start: int, count: int) -> Tensor:
    return torch.copy_(torch.narrow(block, 0, at, count), torch.narrow(rows, 0, start, count))
