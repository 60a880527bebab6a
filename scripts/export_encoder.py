#!/usr/bin/env python3
"""Exports a DINOv2 as the TorchScript file that `encoder.kind: TORCHSCRIPT` opens.

    python scripts/export_encoder.py --model dinov2_vitb14 --out encoders/dinov2-vit-b.pt
    python scripts/export_encoder.py --model dinov2_vitb14_reg --out encoders/dinov2reg-vit-b.pt --source hf DIR

The file's forward takes standardised pictures (N, 3, side, side), float32, any N, and returns the class token (N, Z)
and the patch tokens (N, T, Z), both after the final norm. Register tokens are left out. The position table is resampled
once for this side and kept, so that the file takes no other side.

Needs torch, and what the source needs: transformers for hf, timm for timm. The same weights and the same versions give
the same bytes.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from math import isqrt
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

PATCH, TABLE_SIDE, REGISTERS = 14, 37, 4
# width, depth, heads, names at Hugging Face and in timm
MODELS = {
    "dinov2_vits14": (384, 12, 6, "small"),
    "dinov2_vitb14": (768, 12, 12, "base"),
    "dinov2_vitl14": (1024, 24, 16, "large"),
    "dinov2_vitg14": (1536, 40, 24, "giant"),
}
BATCHES = (1, 3)  # compared after tracing with 2
TOLERANCE = 1e-4  # largest difference between the file and the model, float32, tokens of variance 1


# ---- sources: each gives a model with its table's grid, a reader of tokens and its own rule for the table


class Hub:
    """torch.hub: a clone of facebookresearch/dinov2, or the repository itself, which torch.hub then downloads."""

    def __init__(self, args):
        os.environ["XFORMERS_DISABLED"] = "1"  # its attention cannot be traced
        where = args.location or "facebookresearch/dinov2"
        kind = "local" if Path(where).is_dir() else "github"
        pretrained = args.random is None and args.weights is None
        self.model = torch.hub.load(where, args.model, source=kind, pretrained=pretrained)
        if args.weights is not None:
            state = torch.load(args.weights, map_location="cpu", weights_only=True)
            self.model.load_state_dict(state, strict=True)
        self.registers = getattr(self.model, "num_register_tokens", 0)

    def read(self, model, image):
        tokens = model.forward_features(image)
        return tokens["x_norm_clstoken"], tokens["x_norm_patchtokens"]

    def table(self):
        return self.model.pos_embed

    def own_table(self, side):
        tokens = torch.zeros(1, 1 + (side // PATCH) ** 2, self.table().shape[2])
        return self.model.interpolate_pos_encoding(tokens, side, side)

    def fix_table(self, table, side):
        self.model.pos_embed = nn.Parameter(table)
        self.model.interpolate_pos_encoding = lambda tokens, height, width: self.model.pos_embed


class HuggingFace:
    """transformers: a folder with config.json and weights, or the name of a published model."""

    def __init__(self, args):
        import transformers

        registers = args.model.endswith("_reg")
        family = "Dinov2WithRegisters" if registers else "Dinov2"
        model_class = getattr(transformers, family + "Model")
        if args.random is None:
            infix = "-with-registers" if registers else ""
            self.model = model_class.from_pretrained(args.location or f"facebook/dinov2{infix}-{args.size}")
        else:
            config = getattr(transformers, family + "Config")(
                hidden_size=args.width,
                num_hidden_layers=args.depth,
                num_attention_heads=args.heads,
                patch_size=PATCH,
                image_size=PATCH * TABLE_SIDE,
                use_swiglu_ffn=args.size == "giant",
            )
            self.model = model_class(config)
        self.registers = getattr(self.model.config, "num_register_tokens", 0)

    def read(self, model, image):
        tokens = model(image).last_hidden_state
        return tokens[:, 0], tokens[:, 1 + self.registers :]

    def table(self):
        return self.model.embeddings.position_embeddings

    def own_table(self, side):
        tokens = torch.zeros(1, 1 + (side // PATCH) ** 2, self.table().shape[2])
        return self.model.embeddings.interpolate_pos_encoding(tokens, side, side)

    def fix_table(self, table, side):
        embeddings = self.model.embeddings
        embeddings.position_embeddings = nn.Parameter(table)
        embeddings.interpolate_pos_encoding = lambda tokens, height, width: embeddings.position_embeddings


class Timm:
    """timm: the name of a model, such as vit_base_patch14_dinov2.lvd142m. Its own rule for the table is REPA's."""

    def __init__(self, args):
        import timm

        infix = "reg4_" if args.model.endswith("_reg") else ""
        name = args.location or f"vit_{args.size}_patch14_{infix}dinov2.lvd142m"
        shape = {} if args.random is None else dict(embed_dim=args.width, depth=args.depth, num_heads=args.heads)
        self.model = timm.create_model(name, pretrained=args.random is None, num_classes=0, **shape)
        self.registers = self.model.num_reg_tokens

    def read(self, model, image):
        tokens = model.forward_features(image)
        return tokens[:, 0], tokens[:, 1 + self.registers :]

    def table(self):
        return self.model.pos_embed

    def own_table(self, side):
        return repa_table(self.table(), side // PATCH)

    def fix_table(self, table, side):
        self.model.set_input_size(img_size=(side, side))
        self.model.pos_embed = nn.Parameter(table)


SOURCES = {"hub": Hub, "hf": HuggingFace, "timm": Timm}


# ---- the file


def repa_table(table, rows):
    """REPA's rule for (1, 1 + G², D) or (1, G², D): float32, bicubic, antialias; the class token's row is kept."""
    side = isqrt(table.shape[1])
    rest = table.shape[1] - side * side
    if side == rows:
        return table
    grid = table[:, rest:].float().reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, (rows, rows), mode="bicubic", antialias=True)
    grid = grid.permute(0, 2, 3, 1).reshape(1, rows * rows, -1)
    return torch.cat([table[:, :rest], grid.to(table.dtype)], dim=1)


def randomise(model, seed):
    """Weights of a model that was never trained, none of them zero or one, so that every one of them shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() == 1 and not name.endswith("bias"):  # norms and layer scales
                value.copy_(1 + 0.2 * noise)
            elif value.dim() in (2, 4) and value.shape[0] > 1:
                value.copy_(noise * value[0].numel() ** -0.5)
            else:
                value.copy_(0.2 * noise)


class Encoder(nn.Module):
    def __init__(self, source):
        super().__init__()
        self.model = source.model
        self.read = source.read

    def forward(self, image):
        cls, patches = self.read(self.model, image)
        return cls.contiguous(), patches.contiguous()


def prepare(args):
    """The encoder, its table fixed for one side, in evaluation mode on the CPU."""
    source = SOURCES[args.kind](args)
    source.model.float().eval()
    width, registers = source.table().shape[2], REGISTERS if args.model.endswith("_reg") else 0
    if (width, source.registers) != (args.width, registers):
        sys.exit(
            f"{args.model} has width {args.width} and {registers} register tokens, "
            f"but the weights have width {width} and {source.registers}"
        )
    if args.random is not None:
        randomise(source.model, args.random)
    with torch.no_grad():
        repa = args.positions == "repa"
        table = repa_table(source.table(), args.side // PATCH) if repa else source.own_table(args.side)
        source.fix_table(table.detach().clone(), args.side)
    for parameter in source.model.parameters():
        parameter.requires_grad_(False)
    return Encoder(source).eval()


def trace(encoder, side):
    """The traced encoder, and how far it is from the encoder on pictures and batch sizes it was not traced with."""
    generator = torch.Generator().manual_seed(0)
    pictures = [torch.randn(n, 3, side, side, generator=generator) for n in (2, *BATCHES)]
    with torch.no_grad():
        traced = torch.jit.trace(encoder, pictures[0], check_trace=True)
    try:
        return traced, distance(encoder, traced, pictures)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        sys.exit(f"the traced encoder cannot compute with other batch sizes: {reason}")


def distance(encoder, other, pictures):
    with torch.no_grad():
        pairs = [pair for image in pictures for pair in zip(encoder(image), other(image))]
    return max(float((a - b).abs().max()) for a, b in pairs)


def write(traced, path, about, accept):
    """Writes the archive with fixed bytes, once accept(file) has agreed.

    Entries are in name order, without time stamps and records of source lines.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        saved, fixed = Path(folder) / "saved", Path(folder) / "fixed"
        torch.jit.save(traced, saved, _extra_files={"export.json": json.dumps(about, sort_keys=True)})
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(fixed, "w", zipfile.ZIP_STORED) as new:
            for entry in sorted(old.infolist(), key=lambda entry: entry.filename):
                if entry.filename.endswith((".debug_pkl", "serialization_id")):
                    continue
                info = zipfile.ZipInfo("encoder/" + entry.filename.split("/", 1)[1])
                info.file_size = entry.file_size
                with old.open(entry) as source, new.open(info, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
        accept(fixed)
        with open(fixed, "rb") as file:
            os.fsync(file.fileno())
        os.replace(fixed, path)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def config_lines(path, digest, width, side):
    tokens = side // PATCH
    return "\n".join([
        f"# {tokens} x {tokens} tokens, from pictures of {side * 8 // 7} pixels",  # the preprocessing makes 7 of 8
        "encoder:",
        "  kind: TORCHSCRIPT",
        f"  width: {width}",
        f"  path: {path}",
        f"  sha256: {digest}",
        "  preprocessing: dinov2",
    ])


def parse(arguments):
    names = [name + reg for name in MODELS for reg in ("", "_reg")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, choices=names, help="which DINOv2, by its name in torch.hub")
    parser.add_argument("--out", required=True, type=Path, help="the file to write")
    parser.add_argument(
        "--source", nargs="+", default=["hub"], metavar=("hub|hf|timm", "WHERE"),
        help="where the model comes from (default: hub), and a folder or a name there instead of the published one",
    )
    parser.add_argument("--weights", type=Path, help="with hub: the published .pth file, instead of downloading it")
    parser.add_argument(
        "--positions", choices=("repa", "own"), default="repa",
        help="how the 37 x 37 position table is resampled: as in REPA (default), or by the model's own code",
    )
    parser.add_argument("--side", type=int, default=224, help="side of its pictures, a multiple of 14 (default: 224)")
    parser.add_argument("--random", type=int, metavar="SEED", help="random weights, to try things out")
    for name in ("width", "depth", "heads"):
        parser.add_argument(f"--{name}", type=int, help="of a model that is not a published one, with --random")
    args = parser.parse_args(arguments)

    args.kind, args.location = args.source[0], args.source[1] if len(args.source) > 1 else None
    if args.kind not in SOURCES or len(args.source) > 2:
        parser.error(f"--source must be hub, hf or timm, then at most one place, but was {' '.join(args.source)}")
    if args.side < PATCH or args.side % PATCH:
        parser.error(f"--side must be a multiple of {PATCH} but was {args.side}")
    if args.weights is not None and (args.kind != "hub" or args.random is not None):
        parser.error("--weights goes with --source hub and without --random")
    shape = {name: getattr(args, name) for name in ("width", "depth", "heads") if getattr(args, name) is not None}
    if shape and (args.random is None or args.kind == "hub"):
        parser.error("--width, --depth and --heads go with --random and --source hf or timm")
    width, depth, heads, args.size = MODELS[args.model.removesuffix("_reg")]
    args.width, args.depth = shape.get("width", width), shape.get("depth", depth)
    args.heads = shape.get("heads", heads)
    if min(args.width, args.depth, args.heads) < 1 or args.width % args.heads:
        parser.error(f"--width must be a multiple of --heads but they were {args.width} and {args.heads}")
    return args


def main(arguments=None):
    args = parse(arguments)
    warnings.filterwarnings("ignore", category=FutureWarning)  # that tracing is deprecated
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # the file is compared with the model below
    encoder = prepare(args)
    traced, traced_error = trace(encoder, args.side)
    about = {"model": args.model, "source": args.kind, "positions": args.positions, "side": args.side}
    if args.random is not None:
        about["random"] = args.random
    picture = torch.randn(BATCHES[-1], 3, args.side, args.side, generator=torch.Generator().manual_seed(1))
    errors = [traced_error]

    def accept(file):
        errors.append(distance(encoder, torch.jit.load(file).eval(), [picture]))
        if not max(errors) < TOLERANCE:  # also not a number
            sys.exit(f"the traced encoder differs from the model by {max(errors):.1e}; {args.out} was not written")

    write(traced, args.out, about, accept)
    size = args.out.stat().st_size / 1e6
    print(f"# {args.out}: {size:.1f} MB; differs from the model by at most {max(errors):.1e} on batches of 1, 2 and 3")
    print(config_lines(args.out, sha256(args.out), args.width, args.side))


if __name__ == "__main__":
    main()
