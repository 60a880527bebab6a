"""Writes golden/{dinov2,mae,mocov3,clip-image,ijepa,dino} and golden/published: tiny encoders of the real classes.

The weights have the names of the published files. Each case holds up to four pictures, told apart by a suffix:
(none) on the position table's own grid; `.repa` on another grid, table resampled by REPA's rule; `.hub` by the rule of
the original DINO and DINOv2 code; `.own` by the class itself (Hugging Face). In `published` are files as torch.save and
save_pretrained write them.
"""

import tempfile
from collections import OrderedDict
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

import encoder_models as models
import encoder_names as names
from encoder_models import DEPTH, PATCH, WIDTH
from golden_file import Topic, single

SEED = 20261123
TABLE = (7, 7)  # grid of the position tables
TOLERANCE = {"outputs": 1e-5}
NOTES = [
    "weights/* have the names of the published file; inputs/image* (N, 3, H, W), float32, is already standardised.",
    "outputs/cls* (N, D), outputs/tokens* (N, T, D): what REPA aligns with; computed in float64.",
    "no suffix: the table's own grid; .repa: table resampled by timm's function (bicubic, antialias); "
    ".hub: by the original DINO code (bicubic, scale factor with 0.1 added); .own: by the Hugging Face class.",
    "position tables are resampled in float32 where the class does so.",
    "metadata: names (huggingface or original), geometry, registers, ffn; container is the entry of the published file "
    "whose names these are.",
]
MASK_TOKEN = "mask_token"
LIBRARIES = {name: version(name) for name in ("open_clip_torch", "safetensors", "timm", "transformers")}


def pixels(grid):
    return tuple(PATCH * side for side in grid)


def doubled(value):
    return value.double() if value.is_floating_point() else value


class Case:
    """One model: its random weights, and its tokens for pictures of several grids."""

    def __init__(self, topic, name, build, read, about, unread="-"):
        self.topic, self.name, self.build, self.read = topic, name, build, read
        self.unread = unread  # start of the names that no token depends on
        self.draws = topic.draws(name)
        self.about = {"image_size": PATCH * TABLE[0], "patch_size": PATCH, **about}
        self.tensors = {}

    def write(self, weights):
        tensors = {f"weights/{name}": value for name, value in weights.items()} | self.tensors
        self.topic.write(self.name, tensors, self.about)

    def show(self, suffix, grid, state, read=None, built_for=None):
        """Adds a picture of this grid and the tokens of a model with these weights."""
        model = self.build(pixels(built_for or grid)).double().eval()
        state = {key: doubled(value) for key, value in state.items() if not key.startswith(self.unread)}
        missing, unexpected = model.load_state_dict(state, strict=False)
        assert not unexpected and all(key.startswith(self.unread) for key in missing)
        image = self.draws.normal(f"image{suffix}", (2, 3, *pixels(grid)))
        with torch.no_grad():
            cls, tokens = (read or self.read)(model, image.double())
        assert tokens.dtype == torch.float64 and tokens.shape[1] == grid[0] * grid[1]
        self.tensors |= {f"inputs/image{suffix}": image, f"outputs/tokens{suffix}": single(tokens)}
        if cls is not None:
            self.tensors[f"outputs/cls{suffix}"] = single(cls)

    def show_resampled(self, suffix, grid, state, key, rule):
        self.show(suffix, grid, state | {key: rule(state[key].double(), *grid)})


def random_hf(build, draws):
    """A float32 model with random weights, and those weights under the class's and under the published names."""
    model = build(pixels(TABLE)).eval()
    state = models.random_state(model, draws)
    model.load_state_dict(state)
    return state, names.saved(model)


def about(family, source, keys, heads=models.HEADS, width=WIDTH, depth=DEPTH, **more):
    return {"family": family, "class": source, "names": keys, "width": width, "depth": depth, "heads": heads, **more}


# ---- DINOv2


DINOV2_KINDS = (("mlp", 0, False), ("swiglu", 0, True), ("reg4", 4, False), ("reg4-swiglu", 4, True))


def timm_from_original(state):
    """timm's names for DINOv2's own: with registers it keeps no table row for the class token but adds it at once."""
    state = {name.replace("w12", "fc1").replace("w3", "fc2"): value for name, value in state.items()}
    del state[MASK_TOKEN]
    if "register_tokens" in state:
        table = state["pos_embed"].double()
        state["reg_token"] = state.pop("register_tokens")
        state["cls_token"] = state["cls_token"].double() + table[:, :1]
        state["pos_embed"] = table[:, 1:]
    return state


def dinov2(topic, published):
    for kind, registers, swiglu in DINOV2_KINDS:
        build = partial(models.hf_dinov2, registers=registers, swiglu=swiglu)
        source = "Dinov2WithRegistersModel" if registers else "Dinov2Model"
        more = dict(registers=registers, ffn="swiglu" if swiglu else "mlp")
        described = about("dinov2", f"transformers.{source}", "huggingface", **more)
        case = Case(topic, f"hf-{kind}", build, models.read_dinov2, described)
        state, hf = random_hf(build, case.draws)
        names.check(hf, names.hf_dinov2(DEPTH, registers, swiglu))
        case.show("", TABLE, state)
        case.show_resampled(".repa", (3, 3), state, "embeddings.position_embeddings", models.repa_table)
        case.show(".own", (5, 4), state, built_for=TABLE)
        case.write(hf)
        native = case.tensors["outputs/tokens"]

        # the same weights under DINOv2's own names, in another class
        build = partial(models.timm_dinov2, registers=registers, swiglu=swiglu)
        original = names.dinov2_original_from_hf(hf)
        names.check(original, names.original_dinov2(DEPTH, registers, swiglu))
        state = timm_from_original(original)
        if kind != "swiglu":
            described = about("dinov2", "timm.VisionTransformer", "original", **more)
            case = Case(topic, f"original-{kind}", build, models.read_timm, described)
            case.show("", TABLE, state)
            rule = partial(models.repa_table, prefix=0 if registers else 1)
            case.show_resampled(".repa", (3, 4), state, "pos_embed", rule)
            if not registers:  # with registers the original resamples with antialias and without the 0.1, as .repa
                case.show_resampled(".hub", (5, 4), state, "pos_embed", models.hub_table)
            case.write(original)
        image = topic.draws(f"hf-{kind}").normal("image", (2, 3, *pixels(TABLE)))
        model = build(pixels(TABLE)).double().eval()
        model.load_state_dict({key: value.double() for key, value in state.items()})
        with torch.no_grad():
            difference = (models.read_timm(model, image.double())[1] - native.double()).abs().max()
        assert difference < 1e-6, difference  # both classes agree, up to the rounding of what is stored
        if kind == "reg4":
            published.save("dinov2-reg4.pth", state_dict(original), "dinov2/original-reg4")
        if kind == "mlp":
            published.save_pretrained("dinov2-hf.safetensors", hf, "dinov2/hf-mlp")


# ---- the others


def timm_case(topic, name, family, prefix, read, build, state, more, key="pos_embed", table_prefix=1, hub=False):
    case = Case(topic, name, build, read, about(family, "timm.VisionTransformer", "original", **more))
    case.show("", TABLE, state)
    rule = partial(models.repa_table, prefix=table_prefix)
    case.show_resampled(".repa", (8, 8), state, key, rule)  # as REPA takes 14 × 14 tables to 16 × 16
    if hub:
        case.show_resampled(".hub", (5, 4), state, key, models.hub_table)
    case.write({prefix + key: value for key, value in state.items()})


def hf_case(
    topic, name, family, source, read, build, expected, key, ignored=(), table_prefix=1, extra=None, unread="-"
):
    case = Case(topic, name, build, read, about(family, f"transformers.{source}", "huggingface"), unread)
    state, hf = random_hf(build, case.draws)
    names.check(hf, expected, ignored)
    case.show("", TABLE, state)
    if key is not None:
        case.show_resampled(".repa", (8, 8), state, key, partial(models.repa_table, prefix=table_prefix))
    case.show(".own", (5, 4), state, partial(read, own=True), built_for=TABLE)
    case.write(hf | (extra or {}))
    return hf


def mae(topic):
    draws = topic.draws("original")
    state = models.random_state(models.timm_vit(pixels(TABLE)), draws)
    names.check(state, names.original_vit(DEPTH))
    timm_case(topic, "original", "mae", "", models.read_timm_blocks, models.timm_vit, state, {"container": "model"})
    hf_case(
        topic, "hf", "mae", "ViTMAEForPreTraining", models.read_mae, models.hf_mae,
        [f"vit.{name}" for name in names.hf_vit(DEPTH)], "vit.embeddings.position_embeddings",
        ignored=("decoder.",), unread="decoder.",
    )


def projector(width, hidden, count):
    """MoCo v3's heads: linear layers without bias, batch norms between them and a plain one at the end."""
    parts = []
    for i in range(count):
        parts.append(nn.Linear(width if i == 0 else hidden, hidden, bias=False))
        parts += [nn.BatchNorm1d(hidden), nn.ReLU()] if i < count - 1 else [nn.BatchNorm1d(hidden, affine=False)]
    return nn.Sequential(*parts)


def moco_state(draws, build, momentum):
    """The state_dict of a MoCo v3 run, and the part that is the encoder."""
    encoder = models.random_state(build(pixels(TABLE)), draws)
    width = encoder["norm.weight"].numel()
    whole = {f"module.base_encoder.{name}": value for name, value in encoder.items()}
    for part, model in (("base_encoder.head", projector(width, 6, 3)), ("predictor", projector(6, 6, 2))):
        state = models.random_state(model, draws, part)
        whole |= {f"module.{part}.{name}": value for name, value in state.items()}
    if momentum:
        other = models.random_state(build(pixels(TABLE)), draws, "momentum")
        whole |= {f"module.momentum_encoder.{name}": value for name, value in other.items()}
    return whole, encoder


def about_moco(shape):
    return about("mocov3", "timm.VisionTransformer", "original", container="state_dict", **shape)


def mocov3(topic, published):
    shape = dict(width=24, heads=3)
    build = partial(models.timm_vit, **shape)
    draws = topic.draws("original")
    whole, encoder = moco_state(draws, build, momentum=True)
    names.check(encoder, names.original_vit(DEPTH))
    case = Case(topic, "original", build, models.read_timm, about_moco(shape))
    case.show("", TABLE, encoder)
    case.show_resampled(".repa", (8, 8), encoder, "pos_embed", models.repa_table)
    case.write(whole)
    published.save("mocov3.pth.tar", moco_checkpoint(whole, encoder), "mocov3/original")

    shape = dict(width=16, heads=2, depth=15)
    build = partial(models.timm_vit, **shape)
    whole, encoder = moco_state(topic.draws("slips"), build, momentum=False)
    case = Case(topic, "slips", build, models.read_timm, about_moco(shape))
    case.show("", TABLE, encoder)
    case.write(names.with_moco_slips(whole))


def clip_image(topic):
    described = about("clip-image", "open_clip.CLIP", "original")
    case = Case(topic, "openai", models.open_clip, models.read_open_clip, described)
    state = models.random_state(models.open_clip(pixels(TABLE)), case.draws)
    names.check({name for name in state if name.startswith("visual.")}, names.openai_vision(DEPTH))
    key = "visual.positional_embedding"
    case.show("", TABLE, state)
    case.show(".repa", (3, 4), state | {key: models.repa_table(state[key].double()[None], 3, 4)[0]})
    case.write(state)

    positions = torch.arange(1 + TABLE[0] * TABLE[1])[None]  # a buffer that published files still carry
    case = hf_case(
        topic, "hf", "clip-image", "CLIPModel", models.read_clip, models.hf_clip, names.hf_clip_vision(DEPTH), None,
        ignored=("text_model.", "visual_projection", "text_projection", "logit_scale"),
        extra={"vision_model.embeddings.position_ids": positions},
    )


def ijepa(topic, published):
    state = models.random_state(models.timm_ijepa(pixels(TABLE)), topic.draws("original"))
    names.check(state, names.original_vit(DEPTH, class_token=False))
    timm_case(
        topic, "original", "ijepa", "module.", models.read_timm, models.timm_ijepa, state,
        {"container": "encoder"}, table_prefix=0,
    )
    published.save("ijepa.pth.tar", ijepa_checkpoint(topic, state), "ijepa/original")
    hf_case(
        topic, "hf", "ijepa", "IJepaModel", models.read_ijepa, models.hf_ijepa,
        names.hf_vit(DEPTH, class_token=False), "embeddings.position_embeddings", table_prefix=0,
    )


def dino(topic):
    state = models.random_state(models.timm_vit(pixels(TABLE)), topic.draws("original"))
    timm_case(topic, "original", "dino", "", models.read_timm, models.timm_vit, state, {}, hub=True)
    hf_case(
        topic, "hf", "dino", "ViTModel", models.read_vit, models.hf_vit, names.hf_vit(DEPTH),
        "embeddings.position_embeddings",
    )


# ---- files as their authors save them


def state_dict(tensors):
    """As Module.state_dict() gives it: an ordered dictionary that carries the versions of the modules."""
    ordered = OrderedDict(tensors)
    ordered._metadata = OrderedDict({"": {"version": 1}})
    return ordered


def moco_checkpoint(whole, encoder):
    """What MoCo v3's training script saves: weights, optimiser and loss scaler."""
    few = [nn.Parameter(encoder[name].clone()) for name in ("norm.weight", "norm.bias")]
    optimizer = torch.optim.AdamW(few, 1e-3)
    sum((parameter * parameter).sum() for parameter in few).backward()
    optimizer.step()
    scaler = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
    rest = {"optimizer": optimizer.state_dict(), "scaler": scaler | {"_growth_tracker": 7}}
    return {"epoch": 300, "arch": "vit_small", "state_dict": state_dict(whole), **rest}


def ijepa_checkpoint(topic, state):
    """What I-JEPA's training script saves; REPA and Hugging Face read `encoder`."""
    encoder = state_dict({f"module.{name}": value for name, value in state.items()})
    target = {name: topic.draws("target").normal(name, value.shape) for name, value in encoder.items()}
    predictor = {"module.mask_token": topic.draws("predictor").normal("mask_token", (1, 1, 8))}
    run = dict(epoch=300, loss=0.125, batch_size=128, world_size=16, lr=1e-6)
    rest = dict(opt={"state": {}, "param_groups": []}, scaler=None, **run)
    return {"encoder": encoder, "predictor": predictor, "target_encoder": target, **rest}


class Published(Topic):
    """Files of torch.save and save_pretrained; the manifest names the case with the same weights and its outputs."""

    def save(self, name, content, case):
        # through a file of fixed name: the archive inside is called after it
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "archive"
            torch.save(content, path)
            self.write_bytes(name, path.read_bytes(), case=case)

    def save_pretrained(self, name, tensors, case):
        from safetensors.torch import save

        self.write_bytes(name, save(tensors, metadata={"format": "pt"}), case=case)


def main():
    torch.set_num_threads(1)
    script = "encoder_cases.py"
    published = Published("maskalign-encoders", "published", script, SEED, TOLERANCE, [
        "Files as torch.save and save_pretrained write them; weights as in the named case of another topic.",
    ])
    published.manifest["libraries"] = LIBRARIES
    for write in (dinov2, mae, mocov3, clip_image, ijepa, dino):
        topic = Topic("maskalign-encoders", write.__name__.replace("_", "-"), script, SEED, TOLERANCE, NOTES)
        topic.manifest["libraries"] = LIBRARIES
        write(topic, published) if write in (dinov2, mocov3, ijepa) else write(topic)
        topic.close()
    published.close()


if __name__ == "__main__":
    main()
