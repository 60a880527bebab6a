from torch import Tensor
from typing import List


# Over all rows of logits (N, C): sum of p (C), and sum over rows of sum_k p log p. In float64, p = softmax.
def score_sums(logits: Tensor) -> List[Tensor]:
    log_p = torch.log_softmax(torch.to(logits, 7), 1)
    p = torch.exp(log_p)
    return [torch.sum(p, [0]), torch.sum(p * log_p)]
