"""Writes golden/safetensors: files made by the reference implementation of the format, with PyTorch's conversions.

Usage: python3 scripts/golden/safetensors_samples.py
Needs the safetensors package (0.8.0) and PyTorch (2.15). Only one metadata entry per file: several come in hash order.
"""

import hashlib
import json
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parents[2] / "maskalign-core/src/test/resources/golden/safetensors"


def widened(dtype):
    """SHA-256 of float32(every 16-bit pattern of dtype), in order, little-endian, with NaN as 0x7fc00000."""
    patterns = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16).view(dtype)
    values = torch.nan_to_num(patterns.to(torch.float32), nan=float("nan"), posinf=float("inf"), neginf=-float("inf"))
    bits = values.view(torch.int32)
    bits[values.isnan()] = 0x7FC00000
    return hashlib.sha256(bits.numpy().astype("<i4").tobytes()).hexdigest()


def samples():
    """Every element type, special values, rank 0, empty tensors, odd sizes, names that need care."""
    ramp = torch.arange(6).reshape(2, 3)
    special = [0.0, -0.0, 1.5, -2.25, float("inf"), -float("inf"), float("nan"), 6.1e-5, 5.960464477539063e-08]
    signed = torch.tensor([-128, -1, 0, 127])
    tensors = {
        "f64": ramp.to(torch.float64) / 3,
        "f32": ramp.to(torch.float32) / 4 - 1,
        "f32.special": torch.tensor(special),
        "f16.special": torch.tensor(special, dtype=torch.float16),
        "bf16.special": torch.tensor(special, dtype=torch.bfloat16),
        "i64": torch.tensor([-(2**63), -1, 0, 2**63 - 1]),
        "i32": torch.tensor([-(2**31), -1, 0, 2**31 - 1], dtype=torch.int32),
        "i16": torch.tensor([-(2**15), -1, 0, 2**15 - 1], dtype=torch.int16),
        "i8": signed.to(torch.int8),
        "u8": torch.tensor([0, 1, 127, 128, 255], dtype=torch.uint8),
        "u16": torch.tensor([0, 1, 65535], dtype=torch.uint16),
        "u32": torch.tensor([0, 1, 4294967295], dtype=torch.uint32),
        "u64": torch.tensor([0, 1, 2**64 - 1], dtype=torch.uint64),
        "bool": torch.tensor([True, False, True]),
        "f8": torch.tensor([0.5, 2.0, -1.0]).to(torch.float8_e4m3fn),
        "scalar": torch.tensor(3.25),
        "scalar.i64": torch.tensor(7),
        "empty": torch.zeros(0),
        "empty.3d": torch.zeros(2, 0, 3),
        'quote " back \\ tab? é 漢 😀 / end': torch.tensor([42.0]),
        "": torch.tensor([43.0]),
    }
    return tensors, {"note": 'quote " newline \n tab \t é 漢 😀'}


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {}
    tensors, metadata = samples()
    for name, content, texts in [
        ("all-types", tensors, metadata),
        ("no-metadata", {"w": torch.arange(5, dtype=torch.float32)}, None),
        ("no-tensors", {}, {"only": "metadata"}),
    ]:
        path = FOLDER / f"{name}.safetensors"
        save_file(content, path, texts)
        data = path.read_bytes()
        files[path.name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {
        "topic": "safetensors",
        "script": "scripts/golden/safetensors_samples.py",
        "regenerate": "python3 scripts/golden/safetensors_samples.py",
        "torch": torch.__version__.split("+")[0],
        "safetensors": safetensors.__version__,
        "seed": None,
        "tolerance": 0,
        "notes": [
            "Written by the reference implementation; the writer here must give the same bytes.",
            "widened: SHA-256 of float32(pattern) for the patterns -32768 .. 32767, little-endian, NaN as 0x7fc00000.",
        ],
        "widened": {"F16": widened(torch.float16), "BF16": widened(torch.bfloat16)},
        "files": files,
    }
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
