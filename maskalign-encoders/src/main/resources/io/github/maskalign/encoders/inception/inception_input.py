from torch import Tensor


# Linear interpolation along one dimension from the two neighbours of dst * in / out: TensorFlow 1 without half-pixel
# centres. The factor is rounded to float32 as there.
def interpolate(x: Tensor, side: int, dim: int) -> Tensor:
    size = x.size(dim)
    at = torch.arange(0, side, dtype=6, device=x.device) * (size / side)
    below = torch.floor(at)
    part = at - below
    low = torch.to(below, 4)
    high = torch.clamp_max(low + 1, size - 1)
    a = torch.index_select(x, dim, low)
    b = torch.index_select(x, dim, high)
    if dim == 2:
        part = torch.unsqueeze(part, 1)
    return a + (b - a) * part


# Bytes (N, 3, H, W) to the input of the graph as ADM's evaluator has it: columns, then rows, then (x - 128) / 128.
def adm_input(images: Tensor, side: int) -> Tensor:
    x = interpolate(torch.to(images, 6), side, 3)  # (N, 3, H, side)
    x = interpolate(x, side, 2)  # (N, 3, side, side)
    return torch.contiguous((x - 128.0) * 0.0078125, memory_format=2)


# As pytorch-fid has it: [0, 1], bilinear with half-pixel centres and without antialias, 2 x - 1.
def pytorch_fid_input(images: Tensor, side: int) -> Tensor:
    x = torch.to(images, 6) / 255.0
    x = torch.upsample_bilinear2d(x, [side, side], False, None, None)  # (N, 3, side, side)
    return torch.contiguous(2.0 * x - 1.0, memory_format=2)
