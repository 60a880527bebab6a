"""Writes golden/block_qk_norm: one adaLN-Zero block whose attention is timm's own, with q and k normalised.

The official models take timm's Attention with qk_norm and leave the norm to its default, LayerNorm at eps 1e-5.
The weights of qkv are small here, so that the variance of q and k is near eps and a wrong one shows.
"""

import torch
from timm.models.vision_transformer import Attention
from torch import nn

from core_cases import MODULE, SEED, leaf
from golden_file import Topic, single
from parity_cases import random_state
from sit_reference import SiTBlock

SMALL = 0.02  # of the usual scale of qkv: variances of q and k of about 1e-4


def attention(width, heads):
    module = Attention(width, num_heads=heads, qkv_bias=True, qk_norm=True, norm_layer=nn.LayerNorm)
    assert module.q_norm.eps == module.k_norm.eps == 1e-5
    return module.double().eval()


def block(width, heads, ratio):
    module = SiTBlock(width, heads, ratio)
    module.attn = attention(width, heads)
    return module.double().eval()


def weights(module, draws):
    state = random_state(module, draws)
    for key in state:
        if "attn.qkv" in key:
            state[key] = state[key] * SMALL
        elif key in ("attn.q_norm.weight", "attn.k_norm.weight"):
            state[key] = draws.normal(key, state[key].shape, 0.2, mean=1.0)
    return state


def main():
    topic = Topic(MODULE, "block_qk_norm", "qk_norm_cases.py", SEED, {"outputs": 1e-5, "grads": 1e-4}, [
        "One adaLN-Zero block around timm.models.vision_transformer.Attention(qk_norm=True), random weights.",
        "outputs/y = block(x, c); x (N, T, D), c (N, D). q and k have variances near eps = 1e-5.",
        "grads/* are of L = sum(y * cotangent); relative errors per tensor against float32 arithmetic.",
        "attn.k_norm.bias adds the same to all scores of a query, so it has no gradient and is left out.",
    ])
    for width, heads, ratio, n, t in [(48, 3, 4.0, 3, 7), (40, 5, 2.0, 2, 11)]:
        name = f"d{width}-h{heads}"
        draws = topic.draws(name)
        module = block(width, heads, ratio)
        state = weights(module, draws)
        module.load_state_dict({key: value.double() for key, value in state.items()})
        x, c = leaf(draws.normal("x", (n, t, width))), leaf(draws.normal("c", (n, width)))
        cotangent = draws.normal("cotangent", (n, t, width))
        y = module(x, c)
        (y * cotangent).sum().backward()
        tensors = {f"weights/{key}": value for key, value in state.items()}
        tensors |= {"inputs/x": single(x), "inputs/c": single(c), "inputs/cotangent": cotangent}
        tensors |= {"outputs/y": single(y), "grads/x": single(x.grad), "grads/c": single(c.grad)}
        tensors |= {f"grads/{key}": single(value.grad) for key, value in module.named_parameters()}
        assert tensors.pop("grads/attn.k_norm.bias").norm() < 1e-6  # zero but for rounding
        topic.write(name, tensors, {"hidden_size": width, "num_heads": heads, "mlp_ratio": ratio, "loss": "dot"})
    topic.close()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
