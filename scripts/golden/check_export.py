"""Checks a SiT that SiTExport wrote: check_export.py FILE.pt [RESULTS.safetensors]

Opens the archive with torch.jit.load, loads its state dict, key by key, into the reference model of the same
configuration, and compares the two on random inputs in another batch size than the one that was recorded. RESULTS may
hold `x`, `t`, `y`, for models with a class token `cls`, and what the library computed from them: `v` and `v_cls`.
"""

import re
import sys

import torch
from sit_reference import SiT, SiTConfig

TOLERANCE = 1e-5  # float32, whole model


def numbers(section, text):
    inner = re.search(section + r"\[([^\[\]]*)\]", text).group(1)
    return {key: float(value) for key, value in re.findall(r"(\w+)=([-\d.]+)", inner)}


def config_of(text):
    model, align = numbers("ModelConfig", text), numbers("AlignConfig", text)
    widths = re.search(r"encoderWidths=\[([\d, ]*)\]", text).group(1)
    mixer = re.search(r"MixerConfig\[layers=(\d+), width=(\d+), heads=(\d+), mlpRatio=([\d.]+), conditioning=(\w+)", text)
    layers = int(mixer.group(1))
    if "qkNorm=true" in text or layers and mixer.groups()[1:] != ("0", "0", "4.0", "ADALN_ZERO"):
        sys.exit("the reference model has neither q/k norm nor a mixer of another shape than the paper's")
    return SiTConfig(
        input_size=int(model["inputSize"]),
        patch_size=int(model["patchSize"]),
        in_channels=int(model["inChannels"]),
        hidden_size=int(model["hiddenSize"]),
        depth=int(model["depth"]),
        num_heads=int(model["numHeads"]),
        mlp_ratio=model["mlpRatio"],
        num_classes=int(model["numClasses"]),
        encoder_depth=int(align["depth"]),
        z_dims=tuple(int(z) for z in widths.split(",") if z.strip()),
        projector_dim=int(align["projectorDim"]),
        cls_dim=int(re.search(r"classTokenWidth=(\d+)", text).group(1)),
        mixer_layers=layers,
        learn_sigma="learnSigma=true" in text,
        placement=re.search(r"placement=(\w+)", text).group(1),
    )


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def outputs(result):
    return list(result) if isinstance(result, tuple) else [result]


def main(file, results=None):
    extra = {"sit-config.txt": ""}
    archive = torch.jit.load(file, _extra_files=extra).eval()
    text = extra["sit-config.txt"]
    config = config_of(text.decode() if isinstance(text, bytes) else text)
    model = SiT(config).eval()
    model.load_state_dict(archive.state_dict(), strict=True)
    torch.manual_seed(0)
    side = config.input_size
    inputs = [
        torch.randn(3, config.in_channels, side, side),
        torch.rand(3),
        torch.randint(0, config.num_classes + 1, (3,)),
    ]
    if config.cls_dim:
        inputs.append(torch.randn(3, config.cls_dim))
    with torch.no_grad():
        reference = model(*inputs)
        expected = [reference.velocity[:, : config.in_channels]] + ([reference.cls] if config.cls_dim else [])
        errors = [relative(a, b) for a, b in zip(outputs(archive(*inputs)), expected)]
        if results:
            from safetensors.torch import load_file

            case = load_file(results)
            given = [case[name] for name in ("x", "t", "y", "cls") if name in case]
            found = outputs(archive(*given))
            errors += [relative(a, case[name]) for a, name in zip(found, ("v", "v_cls"))]
    print(f"{len(archive.state_dict())} keys; relative errors {', '.join(f'{e:.1e}' for e in errors)}")
    sys.exit(0 if max(errors) < TOLERANCE else 1)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
