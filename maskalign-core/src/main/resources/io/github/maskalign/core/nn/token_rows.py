from torch import Tensor


# Sequence indices of kept patches: with a class token in front it stays, and patches move by one.
def sequence_index(keep: Tensor, class_token: bool) -> Tensor:
    if class_token:
        return torch.cat([torch.zeros_like(keep[:, 0:1]), keep + 1], 1)  # (N, 1+K)
    return keep  # (N, K)


def rows(index: Tensor, width: int) -> Tensor:
    return torch.unsqueeze(index, 2).expand([-1, -1, width])  # (N, K, D)


# The kept tokens, class token included. The backward pass adds into zeros.
def gather_tokens(tokens: Tensor, keep: Tensor, class_token: bool) -> Tensor:
    return torch.gather(tokens, 1, rows(sequence_index(keep, class_token), tokens.size(2)))  # (N, [1+]K, D)


# A copy of all tokens in which the kept ones are replaced.
def scatter_tokens(tokens: Tensor, kept: Tensor, keep: Tensor, class_token: bool) -> Tensor:
    return torch.scatter(tokens, 1, rows(sequence_index(keep, class_token), tokens.size(2)), kept)  # (N, T, D)


# All tokens again, a learned token (1, 1, D) wherever one was dropped.
def reinsert_tokens(kept: Tensor, keep: Tensor, fill: Tensor, total: int, class_token: bool) -> Tensor:
    blank = fill.expand([kept.size(0), total, kept.size(2)])  # (N, T, D)
    return scatter_tokens(blank, kept, keep, class_token)
