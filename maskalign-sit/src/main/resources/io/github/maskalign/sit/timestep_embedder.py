from torch import Tensor
from linear import linear


# [cos(t f_k) | sin(t f_k)], f_k = exp(-ln(10000) k / 128), k = 0..127, in float32; t enters unscaled.
def time_features(t: Tensor) -> Tensor:
    k = torch.arange(0, 128, dtype=6, device=t.device)
    angles = torch.unsqueeze(torch.to(t, 6), 1) * torch.exp(k * -9.210340371976184 / 128)  # (N, 128)
    return torch.cat([torch.cos(angles), torch.sin(angles)], 1)  # (N, 256)


def timestep_embedder(t: Tensor, w0: Tensor, b0: Tensor, w2: Tensor, b2: Tensor, bf16: bool) -> Tensor:
    h = torch.silu(linear(time_features(t), w0, b0, bf16))  # (N, D)
    return torch.to(linear(h, w2, b2, bf16), 6)  # (N, D)
