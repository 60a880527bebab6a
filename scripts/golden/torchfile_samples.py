"""Writes golden/torchfile: checkpoints as torch.save writes them, and beside each what it holds.

Usage: python3 scripts/golden/torchfile_samples.py current   with the PyTorch of requirements.txt (2.15)
       python3 scripts/golden/torchfile_samples.py stream    the same, in the format before PyTorch 1.6
       python3 scripts/golden/torchfile_samples.py 2.3       with PyTorch 2.3
NAME.pt is what a reader opens, NAME.safetensors its tensors as contiguous ones, named SECTION/KEY. Files named refused-* must not be opened. Reading needs no PyTorch, so neither do tests.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import struct
import sys

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "maskalign-core/src/test/resources/golden/torchfile"
SEED = 20261123
CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "complex64": "C64", "uint16": "U16",
    "uint32": "U32", "uint64": "U64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}


class Exotic:
    """A class that no reader can know."""

    def __init__(self):
        self.value = 3


def flat(value, section, key, out):
    """The tensors of a checkpoint by section and key, by the rules of Sections.java."""
    if isinstance(value, torch.Tensor):
        out[(section, key or "tensor")] = value.detach()
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            flat(item, section, join(key, str(i)), out)
    elif isinstance(value, dict):
        for name, item in value.items():
            if not key and isinstance(name, str) and not isinstance(item, torch.Tensor):
                flat(item, join(section, name), "", out)
            else:
                flat(item, section, join(key, str(name)), out)


def join(prefix, key):
    return f"{prefix}.{key}" if prefix else key


def random(*shape, dtype=torch.float32):
    return torch.randn(*shape, dtype=torch.float32).to(dtype)


def model():
    module = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.LayerNorm(3), torch.nn.BatchNorm1d(3))
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(random(*tensor.shape).abs())
    return module


def training():
    """The dict of REPA's trainer: weights, average, optimiser, an argparse.Namespace, steps."""
    module = model()
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-4)
    module(random(4, 5)).square().sum().backward()
    optimiser.step()
    return {
        "model": module.state_dict(),
        "ema": collections.OrderedDict((k, v * 0.5 if v.is_floating_point() else v.clone()) for k, v in module.state_dict().items()),
        "opt": optimiser.state_dict(),
        "args": argparse.Namespace(model="SiT-B/2", lr=1e-4, betas=(0.9, 0.999), resume=None, path=pathlib.PurePosixPath("/data")),
        "steps": 400000,
    }


def views():
    """Shared storages, transposed, strided, with an offset, repeated, and more dimensions than two."""
    base = random(6, 8)
    cube = random(3, 4, 5)
    return {
        "base": base,
        "transposed": base.t(),
        "row": base[2],
        "column": base[:, 3],
        "window": base[1:5:2, 2:7:3],
        "same": base,
        "flat": base.view(-1)[5:20],
        "permuted": cube.permute(2, 0, 1),
        "half": cube.to(torch.float16)[:, ::2, 1:].permute(1, 2, 0),
        "bytes": torch.arange(60, dtype=torch.uint8).reshape(3, 4, 5).permute(1, 2, 0),
        "long": torch.arange(60).reshape(3, 4, 5)[:, :, ::2],
        "expanded": torch.tensor([1.5, -2.0]).expand(3, 2),
        "one": torch.tensor([4.0]).expand(2, 3, 4),
        "channels_last": random(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "unit": base.t()[2:3],
    }


def types():
    ramp = torch.arange(6).reshape(2, 3)
    special = [0.0, -0.0, 1.5, -2.25, float("inf"), -float("inf"), float("nan"), 6.1e-5]
    return {
        "f64": ramp.to(torch.float64) / 3,
        "f32": torch.tensor(special),
        "f16": torch.tensor(special, dtype=torch.float16),
        "bf16": torch.tensor(special, dtype=torch.bfloat16),
        "i64": torch.tensor([-(2**63), -1, 0, 2**63 - 1]),
        "i32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        "i16": torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
        "i8": torch.tensor([-128, 127], dtype=torch.int8),
        "u8": torch.tensor([0, 127, 128, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "c64": torch.tensor([1 + 2j, -3j], dtype=torch.complex64),
        "scalar": torch.tensor(3.25),
        "scalar.i64": torch.tensor(7),
        "empty": torch.zeros(0),
        "empty.3d": torch.zeros(2, 0, 3),
    }


def odds():
    """Values beside tensors, and tensors in odd places."""
    tagged = torch.nn.Parameter(random(3))
    tagged.scale = 2.0
    noted = random(2, 2)
    noted.note = "kept"
    return {
        "é 漢 😀": random(1),
        "state_dict": {"module.w": torch.nn.Parameter(random(2, 3)), "tagged": tagged, "noted": noted, 7: random(2)},
        "rng": [torch.get_rng_state()[:16].clone(), (random(1), {"deep": random(2)})],
        "counter": collections.Counter("abca"),
        "default": collections.defaultdict(list, a=[1]),
        "text": "a text", "big": 2**70, "minus": -5, "ratio": 0.1, "yes": True, "nothing": None, "bytes": b"\x00\xff",
        "shape": torch.Size([2, 3]), "device": torch.device("cpu"), "dtype": torch.bfloat16,
        "numpy": np.float64(1.5), "array": np.arange(3), "path": pathlib.PurePosixPath("/a/b"), "set": {1, 2},
    }


def newest():
    """Element types that have no storage class of their own."""
    return {
        "u16": torch.tensor([0, 65535], dtype=torch.uint16),
        "u32": torch.tensor([0, 2**32 - 1], dtype=torch.uint32),
        "u64": torch.tensor([0, 2**64 - 1], dtype=torch.uint64),
        "f8": torch.tensor([[0.5, 2.0], [-1.0, 0.25]]).to(torch.float8_e4m3fn).t(),
        "e5m2": torch.tensor([0.5]).to(torch.float8_e5m2),
    }


def program():
    """A TorchScript module whose source is a text, so that its archive names no file of this machine."""
    module = torch.jit.ScriptModule()
    module.define("def forward(self, x: Tensor) -> Tensor:\n    return x + 1\n")
    return module


def write_safetensors(path, tensors):
    """The format by hand, so that a PyTorch of any version can write it."""
    header, chunks, offset = {}, [], 0
    for name, tensor in tensors.items():
        data = bytes(tensor.contiguous().clone().untyped_storage())
        code = CODES[str(tensor.dtype).removeprefix("torch.")]
        header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def main(style):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"manifest-{style}.json"
    manifest = {
        "topic": "torchfile",
        "script": "scripts/golden/torchfile_samples.py",
        "regenerate": f"python3 scripts/golden/torchfile_samples.py {style}",
        "torch": torch.__version__.split("+")[0],
        "seed": SEED,
        "tolerance": 0,
        "notes": ["NAME.safetensors holds the tensors of NAME.pt, contiguous, under SECTION|KEY."],
        "files": {},
    }

    def record(file):
        data = file.read_bytes()
        manifest["files"][file.name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def sample(name, content, **options):
        file = FOLDER / f"{name}-{style}.pt"
        if style == "stream":
            content = stream(file, content, **options)
        else:
            torch.save(content, file, **options)
        expected(file, content)

    def stream(file, content, **options):
        if not file.exists():  # storages are named by their place in memory, so files are made once
            torch.save(content, file, _use_new_zipfile_serialization=False, **options)
        return torch.load(file, map_location="cpu", weights_only=False)

    def expected(file, content):
        tensors = {}
        flat(content, "", "", tensors)
        write_safetensors(file.with_suffix(".safetensors"), {f"{s}|{k}": v for (s, k), v in tensors.items()})
        record(file)
        record(file.with_suffix(".safetensors"))

    def refused(name, write, varies=False):
        file = FOLDER / f"refused-{name}-{style}.pt"
        if not (varies and file.exists()):  # bytes that differ from run to run are made once
            write(file)
        record(file)

    sample("training", training())
    sample("bare", model().state_dict())
    sample("views", views())
    sample("types", types())
    sample("odds", odds())
    sample("lone", random(2, 3).t())
    sample("list", [random(2), {"a": random(1)}])
    sample("none", {"only": "text"})
    if style == "current":
        sample("newest", newest())
        torch.serialization.set_crc32_options(False)
        sample("no-crc", model().state_dict())
        torch.serialization.set_crc32_options(True)
    if style == "stream":
        old = {"_use_new_zipfile_serialization": False}
        sample("protocol3", {"a": random(2), "b": (random(2, 2).t(), 7)}, pickle_protocol=3)
        refused("exotic", lambda f: torch.save({"a": random(2), "config": Exotic()}, f, **old), varies=True)
        refused("protocol4", lambda f: torch.save({"a": random(2)}, f, pickle_protocol=4, **old), varies=True)
        refused("sparse", lambda f: torch.save({"a": torch.eye(2).to_sparse()}, f, **old), varies=True)
        path.write_text(json.dumps(manifest, indent=2) + "\n")
        return
    old = FOLDER / f"stream-{style}.pt"
    expected(old, stream(old, {"a": torch.tensor([-0.25, 3.5])}))
    refused("script", lambda f: torch.jit.save(program(), f), varies=True)
    refused("module", lambda f: torch.save(torch.nn.Linear(2, 2), f))
    refused("exotic", lambda f: torch.save({"a": random(2), "config": Exotic()}, f))
    refused("protocol4", lambda f: torch.save({"a": random(2)}, f, pickle_protocol=4))
    refused("sparse", lambda f: torch.save({"a": torch.eye(2).to_sparse()}, f))
    refused("conjugated", lambda f: torch.save({"a": torch.tensor([1 + 2j], dtype=torch.complex64).conj()}, f))
    path.write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("current", "stream", "2.3"):
        sys.exit(__doc__)
    Exotic.__module__ = "research.settings"
    sys.modules["research.settings"] = sys.modules["__main__"]
    sys.modules["research"] = sys.modules["__main__"]
    main(sys.argv[1])
