"""Writes golden/{dinov3,siglip2,perception-encoder,c-radio}: tiny teachers of the real classes of transformers and timm.

As in encoder_cases.py the weights have the names of the published files, and suffixes tell a case's pictures apart: (none) on
the position table's own grid; `.repa` on another grid, table resampled by REPA's rule; `.own` by the class itself. Beside
them `.bytes`: pictures of bytes, prepared by the family's own processor without a resize.
"""

from functools import partial

import timm
import torch
from timm.data import resolve_model_data_config
from timm.models import eva, vision_transformer
from transformers import (
    DINOv3ViTConfig,
    DINOv3ViTImageProcessor,
    DINOv3ViTModel,
    RadioConfig,
    RadioModel,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
)

import encoder_models as models
import encoder_names as names
from encoder_cases import LIBRARIES, NOTES, TABLE, TOLERANCE, Case, doubled, pixels, random_hf
from encoder_models import DEPTH, PATCH, WIDTH
from golden_file import Topic, single

SEED = 20261129
HEADS = 2  # of sixteen numbers, so that there are four periods
HIDDEN = 64
REGISTERS = 4
MORE = [
    "outputs/*.bytes belong to inputs/pictures, bytes prepared by the family's own processor or input conditioner.",
    "outputs/patches (N, h, T, T): softmax of the last block for the first picture, rows and columns of what stands before",
    "the patches deleted, divided by its sum over the patches.",
    "metadata: encoder is the name that the library knows the family by.",
]


class Teacher(Case):
    """A case whose metadata names the encoder."""

    def __init__(self, topic, name, encoder, build, read, source, unread="-"):
        about = {"encoder": encoder, "class": source, "heads": HEADS, "width": WIDTH, "depth": DEPTH}
        super().__init__(topic, name, build, read, about, unread)

    def show_bytes(self, state, prepare, read=None):
        """Adds pictures of bytes and the tokens of the class after `prepare`, which gives float32 (N, 3, H, W)."""
        pictures = self.draws.integers("pictures", (2, 3, *pixels(TABLE)), 256).to(torch.uint8)
        model = self.build(pixels(TABLE)).double().eval()
        state = {key: doubled(value) for key, value in state.items() if not key.startswith(self.unread)}
        model.load_state_dict(state, strict=self.unread == "-")
        with torch.no_grad():
            cls, tokens = (read or self.read)(model, prepare(pictures).double())
        self.tensors |= {"inputs/pictures": pictures, "outputs/tokens.bytes": single(tokens)}
        if cls is not None:
            self.tensors["outputs/cls.bytes"] = single(cls)


    def show_attention(self, state, attention):
        """Adds the softmax of the last block among the patches of the first picture."""
        model = self.build(pixels(TABLE)).double().eval()
        model.load_state_dict({key: doubled(value) for key, value in state.items()})
        with torch.no_grad():
            p = attention(model, self.tensors["inputs/image"].double())
        before = p.shape[2] - TABLE[0] * TABLE[1]
        patches = p[:, :, before:, before:]
        self.tensors["outputs/patches"] = single(patches / patches.sum(-1, keepdim=True))


def hf_attention(model, image):
    model.set_attn_implementation("eager")
    return model(image, output_attentions=True).attentions[-1]


def timm_attention(model, image):
    """By what goes into the dropout after the softmax."""
    found = []
    attention = model.blocks[-1].attn
    attention.fused_attn = False  # so that there is a softmax to look at
    attention.attn_drop.register_forward_hook(lambda _, args, out: found.append(out))
    model.forward_features(image)
    return found[0]


def by_processor(processor):
    """What a processor of transformers makes of bytes when it need not resize."""
    return lambda pictures: processor(list(pictures), do_resize=False, return_tensors="pt")["pixel_values"]


def by_timm(name):
    """What timm's transforms of a published model make of bytes when they need not resize."""
    config = resolve_model_data_config(timm.create_model(name, embed_dim=WIDTH, depth=1, num_heads=HEADS))
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return lambda pictures: (pictures / 255 - mean) / std


def random_state(model, draws):
    """As of the other encoders, with an input conditioner near that of CLIP."""
    state = models.random_state(model, draws)
    for key, low, high in (("norm_mean", 0.4, 0.5), ("norm_std", 0.2, 0.3)):
        name = f"input_conditioner.{key}"
        if name in state:
            state[name] = draws.uniform(name, state[name].shape, low, high)
    return state


# ---- DINOv3


def hf_dinov3(side, gated):
    """As published: SiLU where the MLP is gated."""
    return DINOv3ViTModel(DINOv3ViTConfig(
        image_size=side[0], patch_size=PATCH, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=DEPTH,
        num_attention_heads=HEADS, num_register_tokens=REGISTERS, use_gated_mlp=gated,
        hidden_act="silu" if gated else "gelu",
    ))


def read_dinov3(model, image):
    x = model(image).last_hidden_state
    return x[:, 0], x[:, 1 + REGISTERS :]


def with_rounded_periods(side, gated):
    """The class with the periods that the authors' files hold, which went through bfloat16."""
    model = hf_dinov3(side, gated)
    model.rope_embeddings.inv_freq = (1 / (1 / model.rope_embeddings.inv_freq).bfloat16().double()).double()
    return model


DINOV3_NAMES = {
    "embeddings.patch_embeddings": "patch_embed.proj",
    "embeddings.register_tokens": "storage_tokens",
    "embeddings.": "",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "attention.o_proj": "attn.proj",
    "mlp.gate_proj": "mlp.w1",
}


def dinov3_original(hf, gated, draws):
    """The authors' names: a joined projection whose bias is masked for keys, the periods, and norms of other losses."""
    out = {}
    plain = {"mlp.up_proj": "mlp.w2", "mlp.down_proj": "mlp.w3"} if gated else {
        "mlp.up_proj": "mlp.fc1", "mlp.down_proj": "mlp.fc2"
    }
    for name, value in hf.items():
        name = name.replace("layer.", "blocks.", 1) if name.startswith("layer.") else name
        if ".attention.k_proj" in name or ".attention.v_proj" in name:
            continue
        if ".attention.q_proj" in name:
            start, kind = name.replace("blocks.", "layer.").split("q_proj.")
            rows = [value, None, hf[f"{start}v_proj.{kind}"]]
            rows[1] = hf[f"{start}k_proj.{kind}"] if kind == "weight" else draws.normal(name, value.shape)
            name = name.replace("attention.q_proj", "attn.qkv")
            value = torch.cat(rows)
            if kind == "bias":
                mask = torch.ones_like(value)
                mask[WIDTH : 2 * WIDTH] = 0
                out[f"{name}_mask"] = mask
        for theirs, ours in (DINOV3_NAMES | plain).items():
            name = name.replace(theirs, ours)
        out[name] = value[0] if name == "mask_token" else value
    out["rope_embed.periods"] = (100.0 ** (torch.arange(4) / 4)).bfloat16().float()
    for kind in ("weight", "bias"):
        out[f"local_cls_norm.{kind}"] = draws.normal(f"local_cls_norm.{kind}", (WIDTH,))
    return out


def timm_dinov3(side, name):
    return timm.create_model(
        name, img_size=side, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, mlp_ratio=2,
        swiglu_align_to=0 if "plus" not in name else 8, num_classes=0,
    )


def read_timm(model, image):
    x = model.forward_features(image)
    return x[:, 0], x[:, model.num_prefix_tokens :]


def dinov3(topic):
    processor = by_processor(DINOv3ViTImageProcessor())
    for kind, gated in (("mlp", False), ("gated", True)):
        source = "transformers.DINOv3ViTModel"
        build = partial(hf_dinov3, gated=gated)
        case = Teacher(topic, f"hf-{kind}", "dinov3", build, read_dinov3, source)
        state, hf = random_hf(build, case.draws)
        case.show("", TABLE, state)
        case.show(".own", (5, 4), state)
        case.show_bytes(state, processor)
        if not gated:
            case.show_attention(state, hf_attention)
        case.write(hf)

        case = Teacher(
            topic, f"original-{kind}", "dinov3", partial(with_rounded_periods, gated=gated), read_dinov3, source
        )
        case.show("", TABLE, state)
        case.show(".own", (5, 4), state)
        case.write(dinov3_original(hf, gated, case.draws))

    # by timm: with the biases of queries and values, and without any; satellite pictures have a normalisation of their own
    for kind, name, encoder in (
        ("timm-mlp", "vit_large_patch16_dinov3_qkvb.sat493m", "dinov3sat"),
        ("timm-gated", "vit_small_plus_patch16_dinov3", "dinov3"),
    ):
        case = Teacher(topic, kind, encoder, partial(timm_dinov3, name=name), read_timm, "timm.Eva")
        state = random_state(timm_dinov3(pixels(TABLE), name), case.draws)
        case.show("", TABLE, state)
        case.show(".own", (5, 4), state, built_for=TABLE)
        case.show_bytes(state, by_timm(name))
        case.write(state)


# ---- SigLIP 2


def hf_siglip(side):
    text = dict(
        vocab_size=12, max_position_embeddings=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )
    vision = dict(
        image_size=side[0], patch_size=PATCH, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
    )
    return SiglipModel(SiglipConfig(text_config=text, vision_config=vision))


def read_siglip(model, image, own=False):
    out = model.vision_model(image, interpolate_pos_encoding=own)
    return out.pooler_output, out.last_hidden_state


def timm_siglip(side, name):
    return timm.create_model(
        name, img_size=side, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, mlp_ratio=2,
        act_layer="gelu_tanh",
    )


def read_pooled(model, image):
    x = model.forward_features(image)
    return (None if model.attn_pool is None else model.attn_pool(x)), x


def siglip2(topic):
    processor = by_processor(SiglipImageProcessor())
    case = Teacher(topic, "hf", "siglip2", hf_siglip, read_siglip, "transformers.SiglipModel")
    state, hf = random_hf(hf_siglip, case.draws)
    key = "vision_model.embeddings.position_embedding.weight"
    case.show("", TABLE, state)
    case.show(".repa", (8, 8), state | {key: models.repa_table(state[key].double()[None], 8, 8, prefix=0)[0]})
    case.show(".own", (5, 4), state, partial(read_siglip, own=True), built_for=TABLE)
    case.show_bytes(state, processor)
    case.write(hf)

    for kind, name in (("timm", "vit_base_patch16_siglip_224"), ("timm-gap", "vit_base_patch16_siglip_gap_224")):
        build = partial(timm_siglip, name=name)
        case = Teacher(topic, kind, "siglip2", build, read_pooled, "timm.VisionTransformer")
        state = random_state(build(pixels(TABLE)), case.draws)
        case.show("", TABLE, state)
        case.show_resampled(".repa", (8, 8), state, "pos_embed", partial(models.repa_table, prefix=0))
        case.show_bytes(state, by_timm(name))
        case.write(state)


# ---- Perception Encoder


PE_KINDS = {
    "core": ("pe-core", "vit_pe_core_small_patch16_384", dict(attn_pool_num_heads=8, num_classes=5)),
    "core-without-class": (
        "pe-core", "vit_pe_core_gigantic_patch14_448", dict(attn_pool_num_heads=8, attn_pool_mlp_ratio=3.0, num_classes=5)
    ),
    "spatial": ("pe-spatial", "vit_pe_spatial_small_patch16_512", {}),
    "spatial-without-class": ("pe-spatial", "vit_pe_spatial_gigantic_patch14_448", {}),
    "lang": ("pe-lang", "vit_pe_lang_large_patch14_448", {}),
}
PE_NAMES = {
    "attn_pool.norm": "attn_pool.layernorm",
    "attn_pool.latent": "attn_pool.probe",
    "attn_pool.proj": "attn_pool.attn.out_proj",
    "patch_embed.proj": "conv1",
    "norm_pre": "ln_pre",
    "blocks.": "transformer.resblocks.",
    "norm1": "ln_1",
    "norm2": "ln_2",
    "gamma_1": "ls_1.gamma",
    "gamma_2": "ls_2.gamma",
    "attn.qkv.": "attn.in_proj_",
    "attn.proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "cls_token": "class_embedding",
    "pos_embed": "positional_embedding",
}


def timm_pe(side, name, **more):
    return timm.create_model(
        name, img_size=side, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, mlp_ratio=2,
        ref_feat_shape=TABLE, **more,
    )


def read_pe(model, image):
    x = model.forward_features(image)
    if model.cls_token is not None:
        return x[:, 0], x[:, 1:]
    return read_pooled(model, image)


def pe_original(state, model, draws):
    """The authors' names, of a whole model with its text tower; timm's own converter takes them back."""
    out = {}
    for name, value in state.items():
        if name == "head.weight":
            out["visual.proj"] = value.T.contiguous()
        elif name in ("norm.weight", "norm.bias"):
            out[f"visual.ln_post.{name.split('.')[1]}"] = value
        elif name.startswith("attn_pool.q."):
            kind = name.split(".")[-1]
            out[f"visual.attn_pool.attn.in_proj_{kind}"] = torch.cat([value, state[f"attn_pool.kv.{kind}"]])
        elif not name.startswith(("head.", "attn_pool.kv.")):
            value = value.flatten() if name == "cls_token" else value[0] if name == "pos_embed" else value
            for ours, theirs in PE_NAMES.items():
                name = name.replace(ours, theirs)
            out[f"visual.{name}"] = value
    back = eva.checkpoint_filter_fn(dict(out), model)
    unlike = {key for key in state if key != "head.bias" and not torch.equal(back[key], state[key])}
    assert not unlike and back.keys() == state.keys(), (unlike, back.keys() ^ state.keys())
    return out | {"logit_scale": draws.normal("logit_scale", (1,)), "token_embedding.weight": draws.normal("t", (3, 8))}


def perception_encoder(topic):
    for kind, (encoder, name, more) in PE_KINDS.items():
        build = partial(timm_pe, name=name, **more)
        case = Teacher(topic, kind, encoder, build, read_pe, "timm.Eva")
        model = build(pixels(TABLE))
        state = random_state(model, case.draws)
        rule = partial(models.repa_table, prefix=1 if "cls_token" in state else 0)
        case.show("", TABLE, state)
        case.show_resampled(".repa", (5, 4), state, "pos_embed", rule)
        case.show_bytes(state, by_timm(name))
        if kind == "core":
            case.show_attention(state, timm_attention)
        case.write(state)
        if kind in ("core-without-class", "lang"):
            tensors = case.tensors
            case = Teacher(topic, f"original-{kind}", encoder, build, read_pe, "timm.Eva")
            case.tensors = tensors
            case.write(pe_original(state, model, case.draws))


# ---- C-RADIO


def hf_radio(side):
    return RadioModel(RadioConfig(
        hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, mlp_ratio=2.0, patch_size=PATCH,
        max_img_size=PATCH * TABLE[0], num_cls_tokens=3, num_registers=2, use_swiglu_ffn=False,
    ))


def read_radio(model, image):
    """First class token and features, from standardised pictures."""
    model.make_preprocessor_external()
    return read_radio_whole(model, image)


def read_radio_whole(model, image):
    out = model(image)
    assert torch.equal(out.summary[:, :WIDTH], out.last_hidden_state[:, 0])
    return out.last_hidden_state[:, 0], out.features


def timm_radio(side):
    return timm.create_model(
        "vit_base_patch16_radio_v3", img_size=side, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
        mlp_ratio=2, reg_tokens=4, num_classes=0,
    )


def c_radio(topic):
    case = Teacher(topic, "hf", "c-radio", hf_radio, read_radio, "transformers.RadioModel")
    model = hf_radio(pixels(TABLE)).eval()
    state = random_state(model, case.draws)
    state |= {key: torch.ones_like(value) for key, value in state.items() if "lambda1" in key}
    model.load_state_dict(state)
    saved = {key: value for key, value in names.saved(model).items() if "lambda1" not in key}  # as published
    for suffix, grid in (("", TABLE), (".own", (5, 4)), (".larger", (8, 10))):
        case.show(suffix, grid, state)
    case.show_bytes(state, lambda pictures: pictures.double() / 255, read_radio_whole)
    case.write(saved)

    # the authors' names of a model with LayerScale, by timm, whose own converter resamples the table for another grid
    case = Teacher(topic, "original", "c-radio", timm_radio, read_timm, "timm.VisionTransformer")
    state = random_state(timm_radio(pixels(TABLE)), case.draws)
    state["patch_embed.proj.bias"].zero_()
    prefix = "radio_model.model."
    original = {f"{prefix}{key}": value for key, value in state.items() if key.startswith("blocks.")}
    original = {key.replace(".gamma", ".grandma"): value for key, value in original.items()}
    original |= {
        f"{prefix}patch_generator.embedder.weight": state["patch_embed.proj.weight"].flatten(1),
        f"{prefix}patch_generator.pos_embed": state["pos_embed"],
        f"{prefix}patch_generator.cls_token.token": torch.cat([state["cls_token"], state["reg_token"]], 1)[0],
    }
    for suffix, grid in (("", TABLE), (".own", (5, 4)), (".larger", (8, 10))):
        doubles = {key: value.double() for key, value in original.items()}
        case.show(suffix, grid, vision_transformer._convert_radio(doubles, timm_radio(pixels(grid))))
    case.write(original)

    # timm's names, with the table for the grid of that file
    tensors = case.tensors
    case = Teacher(topic, "timm", "c-radio", timm_radio, read_timm, "timm.VisionTransformer")
    case.tensors = tensors
    case.show_bytes(state, by_timm("vit_base_patch16_radio_v3"))
    case.write(state)


def main():
    torch.set_num_threads(1)
    for write in (dinov3, siglip2, perception_encoder, c_radio):
        topic = Topic(
            "maskalign-encoders", write.__name__.replace("_", "-"), "teacher_cases.py", SEED, TOLERANCE, NOTES + MORE
        )
        topic.manifest["libraries"] = LIBRARIES
        write(topic)
        topic.close()


if __name__ == "__main__":
    main()
