"""Loads a file that `maskalign convert` wrote as the projects do: check_convert.py FILE [CASE.safetensors]

A .pt file is read by torch.load(weights_only=True) and its entry `ema` taken, as the projects' samplers do; a
.safetensors file by safetensors. The state dict goes into the reference model of the same configuration with
strict=True. CASE may hold inputs and outputs of the weights on REPA's time axis, or on SiT's if the file says so.
"""

import json
import sys

import torch
from sit_reference import SiT, SiTConfig

TOLERANCE = 1e-5  # float32, whole model
ROUNDED = {torch.float32: TOLERANCE, torch.float16: 2e-2, torch.bfloat16: 2e-1}


def read(file):
    if file.endswith(".safetensors"):
        from safetensors import safe_open

        with safe_open(file, "pt") as opened:
            return {key: opened.get_tensor(key) for key in opened.keys()}, opened.metadata() or {}
    content = torch.load(file, map_location="cpu", weights_only=True)
    return (content["ema"], content) if "ema" in content else (content, {})


def config_of(metadata):
    known = json.loads(metadata["config"])
    fields = SiTConfig.__dataclass_fields__
    values = {key: value for key, value in known.items() if key in fields}
    return SiTConfig(**{**values, "z_dims": tuple(values["z_dims"])})


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def main(file, case=None):
    state, metadata = read(file)
    if "config" not in metadata:
        sys.exit(f"{file} does not say what model it holds")
    model = SiT(config_of(metadata)).eval()
    keys = model.load_state_dict(state, strict=True)
    stored = {value.dtype for value in state.values()}
    print(f"{len(state)} keys of {stored}, {metadata['family']}, {metadata['time_convention']}: {keys}")
    if case is None:
        return
    from safetensors import safe_open

    with safe_open(case, "pt") as opened:
        given = {key: opened.get_tensor(key) for key in opened.keys()}
        theirs = opened.metadata()["family"] in ("sit-official", "redi")
    t, sign = given["inputs/t"], 1
    if theirs != (metadata["time_convention"] == "data-at-1"):
        t, sign = 1 - t, -1
    with torch.no_grad():
        out = model(given["inputs/x"], t, given["inputs/y"], given.get("inputs/cls"))
    errors = {"v": relative(sign * out.velocity, given["outputs/v"])}
    if out.cls is not None:
        errors["cls"] = relative(sign * out.cls, given["outputs/cls"])
    limit = max(ROUNDED[dtype] for dtype in stored)
    print("relative errors", ", ".join(f"{name} {error:.1e}" for name, error in errors.items()), f"(at most {limit})")
    sys.exit(0 if max(errors.values()) < limit else 1)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
