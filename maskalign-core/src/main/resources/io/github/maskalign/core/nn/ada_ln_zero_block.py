from torch import Tensor
from typing import List
from attention import attention, qk_norm_attention
from linear import linear
from modulated_norm import modulated_norm


# The six modulations of a block: Linear(SiLU(c)), cut into D-wide pieces, each (N, 1, D) in float32.
def six_modulations(c: Tensor, weight: Tensor, bias: Tensor, bf16: bool) -> List[Tensor]:
    m = torch.to(linear(torch.silu(c), weight, bias, bf16), 6)  # (N, 6 D)
    return torch.chunk(torch.unsqueeze(m, 1), 6, 2)


def gelu_mlp(
    h: Tensor, fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor, bf16: bool
) -> Tensor:
    return linear(
        torch.gelu(linear(h, fc1_weight, fc1_bias, bf16), approximate="tanh"), fc2_weight, fc2_bias, bf16)


# Transformer block with adaLN-Zero conditioning (DiT, section 3.2; SiT uses it unchanged).
# The residual stream, the norms and the modulation stay in float32 in both modes.
def ada_ln_zero_block(
    x: Tensor, c: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor, proj_weight: Tensor, proj_bias: Tensor,
    fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor,
    modulation_weight: Tensor, modulation_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    m = six_modulations(c, modulation_weight, modulation_bias, bf16)
    # shift_msa, scale_msa, gate_msa, shift_mlp, scale_mlp, gate_mlp
    a = attention(modulated_norm(x, m[0], m[1]), qkv_weight, qkv_bias, proj_weight, proj_bias, heads, bf16)
    x = torch.addcmul(x, torch.to(a, 6), m[2])  # (N, T, D)
    f = gelu_mlp(modulated_norm(x, m[3], m[4]), fc1_weight, fc1_bias, fc2_weight, fc2_bias, bf16)
    return torch.addcmul(x, torch.to(f, 6), m[5])  # (N, T, D)


def qk_norm_ada_ln_zero_block(
    x: Tensor, c: Tensor,
    qkv_weight: Tensor, qkv_bias: Tensor,
    q_weight: Tensor, q_bias: Tensor, k_weight: Tensor, k_bias: Tensor,
    proj_weight: Tensor, proj_bias: Tensor,
    fc1_weight: Tensor, fc1_bias: Tensor, fc2_weight: Tensor, fc2_bias: Tensor,
    modulation_weight: Tensor, modulation_bias: Tensor,
    heads: int, bf16: bool
) -> Tensor:
    m = six_modulations(c, modulation_weight, modulation_bias, bf16)
    a = qk_norm_attention(
        modulated_norm(x, m[0], m[1]), qkv_weight, qkv_bias, q_weight, q_bias, k_weight, k_bias,
        proj_weight, proj_bias, heads, bf16)
    x = torch.addcmul(x, torch.to(a, 6), m[2])  # (N, T, D)
    f = gelu_mlp(modulated_norm(x, m[3], m[4]), fc1_weight, fc1_bias, fc2_weight, fc2_bias, bf16)
    return torch.addcmul(x, torch.to(f, 6), m[5])  # (N, T, D)
