"""The names under which encoders are published, each written out, so that a new version of a library cannot move them.

`w_b` stands for weight and bias. Originals: facebookresearch's dinov2, dino, mae, moco-v3 and ijepa, OpenAI's CLIP.
"""

import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers.utils import logging


def w_b(*names):
    return [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]


def layers(pattern, depth, names):
    return [f"{pattern}.{i}.{name}" for i in range(depth) for name in names]


# ---- originals

ORIGINAL_BLOCK = w_b("norm1", "attn.qkv", "attn.proj", "norm2")


def original_vit(depth, class_token=True, mlp=("mlp.fc1", "mlp.fc2")):
    tokens = ["cls_token"] if class_token else []
    return (
        [*tokens, "pos_embed", *w_b("patch_embed.proj")]
        + layers("blocks", depth, ORIGINAL_BLOCK + w_b(*mlp))
        + w_b("norm")
    )


def original_dinov2(depth, registers, swiglu):
    mlp = ("mlp.w12", "mlp.w3") if swiglu else ("mlp.fc1", "mlp.fc2")
    tokens = ["mask_token"] + (["register_tokens"] if registers else [])
    return original_vit(depth, mlp=mlp) + tokens + layers("blocks", depth, ["ls1.gamma", "ls2.gamma"])


def openai_vision(depth):
    block = ["attn.in_proj_weight", "attn.in_proj_bias"]
    block += w_b("attn.out_proj", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2")
    names = ["class_embedding", "positional_embedding", "proj", "conv1.weight"]
    names += w_b("ln_pre", "ln_post") + layers("transformer.resblocks", depth, block)
    return [f"visual.{name}" for name in names]


# ---- Hugging Face

HF_ATTENTION = w_b(
    "attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense"
)
HF_BLOCK = HF_ATTENTION + w_b("layernorm_before", "layernorm_after", "intermediate.dense", "output.dense")


def hf_vit(depth, class_token=True):
    tokens = ["embeddings.cls_token"] if class_token else []
    return (
        [*tokens, "embeddings.position_embeddings", *w_b("embeddings.patch_embeddings.projection")]
        + layers("encoder.layer", depth, HF_BLOCK)
        + w_b("layernorm")
    )


def hf_dinov2(depth, registers, swiglu):
    mlp = ("mlp.weights_in", "mlp.weights_out") if swiglu else ("mlp.fc1", "mlp.fc2")
    block = HF_ATTENTION + w_b("norm1", "norm2", *mlp) + ["layer_scale1.lambda1", "layer_scale2.lambda1"]
    names = ["cls_token", "mask_token", "position_embeddings", *w_b("patch_embeddings.projection")]
    names += ["register_tokens"] if registers else []
    return [f"embeddings.{name}" for name in names] + layers("encoder.layer", depth, block) + w_b("layernorm")


def hf_clip_vision(depth):
    block = w_b("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj")
    block += w_b("layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2")
    names = ["class_embedding", "patch_embedding.weight", "position_embedding.weight"]
    names = [f"embeddings.{name}" for name in names] + w_b("pre_layrnorm", "post_layernorm")
    return [f"vision_model.{name}" for name in names + layers("encoder.layers", depth, block)]


# ---- from one to the other


def saved(model):
    """What save_pretrained writes, which is what the hub holds."""
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(Path(folder) / "model.safetensors")


def check(state, expected, ignored=()):
    """The names are the expected ones, apart from those that start with an ignored prefix."""
    names = {name for name in state if not name.startswith(tuple(ignored))}
    if names != set(expected):
        raise SystemExit(f"missing {sorted(set(expected) - names)}, unexpected {sorted(names - set(expected))}")
    return state


DINOV2_NAMES = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.register_tokens": "register_tokens",
    "embeddings.mask_token": "mask_token",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "attention.output.dense": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.weights_in": "mlp.w12",
    "mlp.weights_out": "mlp.w3",
    "encoder.layer.": "blocks.",
    "layernorm.": "norm.",
}


def dinov2_original_from_hf(hf):
    """DINOv2's own names for Hugging Face's: query, key and value are joined by rows, the rest is renamed."""
    out = {}
    for name, value in hf.items():
        if ".attention.attention." in name:
            start, part = name.split(".attention.attention.")
            layer, kind = start.replace("encoder.layer.", "blocks."), part.split(".")[1]
            if part.startswith("query"):
                rows = [hf[f"{start}.attention.attention.{which}.{kind}"] for which in ("query", "key", "value")]
                out[f"{layer}.attn.qkv.{kind}"] = torch.cat(rows)
            continue
        for theirs, ours in DINOV2_NAMES.items():
            name = name.replace(theirs, ours)
        out[name] = value
    return out


# MoCo v3's long checkpoints carry these names; loaders put them right
MOCO_SLIPS = {
    "blocks.13.norm1.": "blocks.13.norm13.",
    "blocks.13.mlp.fc1.": "blocks.13.mlp.fc13.",
    "blocks.14.norm2.": "blocks.14.norm14.",
    "blocks.14.mlp.fc2.": "blocks.14.mlp.fc14.",
}


def with_moco_slips(state):
    out = {}
    for name, value in state.items():
        for right, slip in MOCO_SLIPS.items():
            name = name.replace(right, slip)
        out[name] = value
    return out
