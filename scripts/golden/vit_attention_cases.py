"""Writes golden/vit-attention: what the softmax of timm's vision transformers sees, and what it makes of the patches alone."""

import torch
from timm.models.vision_transformer import VisionTransformer

from golden_file import Topic, single
from vit_cases import random_state

SEED = 20261201
SHAPE = dict(img_size=24, patch_size=8, embed_dim=24, depth=3, num_heads=2, num_classes=0, init_values=1.0)
CASES = {
    "class-token": dict(),
    "registers": dict(reg_tokens=4, no_embed_class=True),
    "patches-only": dict(class_token=False, global_pool="avg", fc_norm=False),
}


def seen(model, image):
    """(q, k, softmax) of every block while the model looks at a picture."""
    found = [{} for _ in model.blocks]
    handles = []
    for block, place in zip(model.blocks, found):
        block.attn.fused_attn = False  # so that there is a softmax to look at
        for name, layer in (("q", block.attn.q_norm), ("k", block.attn.k_norm), ("p", block.attn.attn_drop)):
            handles.append(layer.register_forward_hook(lambda _, args, out, at=place, key=name: at.update({key: out})))
    model(image)
    for handle in handles:
        handle.remove()
    return [(place["q"], place["k"], place["p"]) for place in found]


def dinov2_names(state, registers):
    """Weights under DINOv2's names: with registers its position table has a row for the class token, here of zeros."""
    state = dict(state)
    width = state["pos_embed"].shape[2]
    if registers:
        state["register_tokens"] = state.pop("reg_token")
        state["pos_embed"] = torch.cat([torch.zeros(1, 1, width), state["pos_embed"]], dim=1)
    if "cls_token" in state:
        state["mask_token"] = torch.zeros(1, width)
    return state


def main():
    torch.set_num_threads(1)
    topic = Topic("maskalign-encoders", "vit-attention", "vit_attention_cases.py", SEED, {"outputs": 1e-5}, [
        "inputs/image (N, 3, H, W) is already standardised. Values in float64, of timm's own class.",
        "outputs/logits.b (N, h, 1+T, 1+T): q k' / sqrt(d) of block b, counted from 1, class token first, registers left out;",
        "(N, h, T, T) where there is no class token. outputs/patches.b (N, h, T, T): timm's softmax over all tokens, rows and",
        "columns of class token and registers deleted, and divided by its sum over the patches.",
    ])
    for name, more in CASES.items():
        draws = topic.draws(name)
        model = VisionTransformer(**SHAPE, **more).double().eval()
        state = random_state(model, draws)
        model.load_state_dict({key: value.double() for key, value in state.items()})
        image = draws.normal("image", (2, 3, 24, 24))
        registers, before = more.get("reg_tokens", 0), model.num_prefix_tokens
        tensors = {f"weights/{key}": value for key, value in dinov2_names(state, registers).items()}
        tensors["inputs/image"] = image
        with torch.no_grad():
            for block, (q, k, p) in enumerate(seen(model, image.double()), start=1):
                logits = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
                assert torch.allclose(torch.softmax(logits, -1), p)
                stay = [i for i in range(logits.shape[2]) if not 1 <= i < 1 + registers]
                tensors[f"outputs/logits.{block}"] = single(logits[:, :, stay][:, :, :, stay])
                patches = p[:, :, before:, before:]
                tensors[f"outputs/patches.{block}"] = single(patches / patches.sum(-1, keepdim=True))
        topic.write(name, tensors, {"registers": registers, "class_token": before > 0, **SHAPE})
    topic.close()


if __name__ == "__main__":
    main()
