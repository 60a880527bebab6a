"""Tiny encoders of the real third-party classes (transformers, timm, open_clip): how each is built and read.

A reader returns (class token (N, D) or None, patch tokens (N, T, D)). Which tokens REPA takes from which encoder, and
whether the final norm is among them, is written here once: MAE and CLIP give the last block's output, the others the
final norm's.
"""

from functools import partial
from math import isqrt

import torch
import torch.nn.functional as F
from open_clip.model import CLIP as OpenClip
from timm.layers import SwiGLUPacked
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    IJepaConfig,
    IJepaModel,
    ViTConfig,
    ViTMAEConfig,
    ViTMAEForPreTraining,
    ViTModel,
)

PATCH, WIDTH, DEPTH, HEADS = 4, 32, 2, 4
EPS = 1e-6  # of the originals; transformers' ViT classes default to 1e-12


# ---- weights and position tables


def random_state(model, draws, prefix=""):
    """New values for every parameter and buffer, so that none is at a start of zeros or ones."""
    state = {}
    for key, value in model.state_dict().items():
        name = prefix + key
        if not value.dtype.is_floating_point:
            state[key] = value.clone()
        elif key.endswith(("gamma", "lambda1")):
            state[key] = draws.normal(name, value.shape, 0.2, mean=0.6)
        elif key.endswith("running_var"):
            state[key] = draws.uniform(name, value.shape, 0.5, 2.0)
        elif value.dim() == 1 and key.endswith("weight"):  # norms
            state[key] = draws.normal(name, value.shape, 0.2, mean=1.0)
        elif key.endswith("bias"):
            state[key] = draws.normal(name, value.shape, 0.1)
        elif key.endswith(("class_embedding", "positional_embedding", "position_embedding.weight", "pos_embed")):
            state[key] = draws.normal(name, value.shape, 0.3)
        elif value.dim() != 2 and "token" in key or "position_embeddings" in key:
            state[key] = draws.normal(name, value.shape, 0.3)
        else:
            fan_in = value[0].numel() if value.dim() > 1 else 1
            state[key] = draws.normal(name, value.shape, min(0.3, 1.2 * fan_in**-0.5))
    return state


def repa_table(table, rows, columns, prefix=1):
    """REPA's rule, timm's function: float32, bicubic with antialias; the class token's row is kept."""
    return resample_abs_pos_embed(table, [rows, columns], num_prefix_tokens=prefix)


def hub_table(table, rows, columns):
    """The rule of the original DINO and DINOv2 code: bicubic by a scale factor with 0.1 added to each side."""
    side = isqrt(table.shape[1] - 1)
    grid = table[:, 1:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    factors = ((rows + 0.1) / side, (columns + 0.1) / side)
    grid = F.interpolate(grid, scale_factor=factors, mode="bicubic")
    assert grid.shape[2:] == (rows, columns)
    return torch.cat([table[:, :1], grid.permute(0, 2, 3, 1).flatten(1, 2).to(table.dtype)], dim=1)


# ---- reading


def input_of(layer, call):
    """What a layer is given while call() runs."""
    seen = []
    handle = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    call()
    handle.remove()
    return seen[0]


def split(x, prefix=1):
    """(class token or None, patch tokens) of (N, prefix + T, D)."""
    return x[:, 0] if prefix else None, x[:, prefix:]


def read_timm(model, image):
    return split(model.forward_features(image), model.num_prefix_tokens)


def read_timm_blocks(model, image):
    return split(input_of(model.norm, lambda: model.forward_features(image)))


def read_dinov2(model, image):
    registers = getattr(model.config, "num_register_tokens", 0)
    x = model(image).last_hidden_state
    return x[:, 0], x[:, 1 + registers :]


def read_mae(model, image, own=False):
    tokens = image.shape[2] // PATCH * (image.shape[3] // PATCH)
    order = torch.arange(tokens, dtype=image.dtype).expand(len(image), -1)  # mask_ratio 0 still shuffles by this
    vit = model.vit
    return split(input_of(vit.layernorm, lambda: vit(image, noise=order, interpolate_pos_encoding=own)))


def read_clip(model, image, own=False):
    return split(model.vision_model(image, interpolate_pos_encoding=own).last_hidden_state)  # before post_layernorm


def read_open_clip(model, image):
    return split(input_of(model.visual.ln_post, lambda: model.visual(image)))


def read_vit(model, image, own=False):
    return split(model(image, interpolate_pos_encoding=own).last_hidden_state)


def read_ijepa(model, image, own=False):
    return split(model(image, interpolate_pos_encoding=own).last_hidden_state, 0)


# ---- building; a side is (height, width) in pixels


def timm_vit(side, width=WIDTH, depth=DEPTH, heads=HEADS, **options):
    norm = partial(nn.LayerNorm, eps=EPS)
    shape = dict(embed_dim=width, depth=depth, num_heads=heads)
    return VisionTransformer(side, PATCH, num_classes=0, norm_layer=norm, **shape, **options)


def timm_dinov2(side, registers, swiglu):
    options = dict(init_values=1.0, reg_tokens=registers, no_embed_class=registers > 0)
    if swiglu:
        options |= dict(mlp_layer=SwiGLUPacked, act_layer=nn.SiLU, mlp_ratio=2 * swiglu_width(WIDTH) / WIDTH)
    return timm_vit(side, **options)


def timm_ijepa(side):
    return timm_vit(side, class_token=False, global_pool="avg", fc_norm=False)


def swiglu_width(width):
    """Two thirds of the usual 4 D, rounded up to eights."""
    return (int(4 * width * 2 / 3) + 7) // 8 * 8


def common(side, **more):
    assert side[0] == side[1]  # these classes take square tables only
    return dict(
        image_size=side[0],
        patch_size=PATCH,
        hidden_size=WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
        **more,
    )


def hf_dinov2(side, registers, swiglu):
    if registers:
        config = Dinov2WithRegistersConfig(
            **common(side), layer_norm_eps=EPS, num_register_tokens=registers, use_swiglu_ffn=swiglu
        )
        return Dinov2WithRegistersModel(config)
    return Dinov2Model(Dinov2Config(**common(side), layer_norm_eps=EPS, use_swiglu_ffn=swiglu))


def hf_mae(side):
    decoder = dict(
        decoder_hidden_size=8, decoder_num_hidden_layers=1, decoder_num_attention_heads=2, decoder_intermediate_size=16
    )
    config = ViTMAEConfig(
        **common(side), layer_norm_eps=EPS, intermediate_size=4 * WIDTH, mask_ratio=0.0, **decoder
    )
    return ViTMAEForPreTraining(config)


def hf_vit(side):
    config = ViTConfig(**common(side), layer_norm_eps=EPS, intermediate_size=4 * WIDTH)
    return ViTModel(config, add_pooling_layer=False)


def hf_ijepa(side):
    return IJepaModel(IJepaConfig(**common(side), layer_norm_eps=EPS, intermediate_size=4 * WIDTH))


def hf_clip(side):
    text = dict(
        vocab_size=12, max_position_embeddings=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, projection_dim=16, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )
    vision = common(side, intermediate_size=4 * WIDTH, projection_dim=16)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))


def open_clip(side):
    vision = dict(image_size=side, patch_size=PATCH, width=WIDTH, layers=DEPTH, head_width=WIDTH // HEADS)
    text = dict(context_length=6, vocab_size=12, width=8, heads=2, layers=1)
    return OpenClip(16, vision, text, quick_gelu=True)
