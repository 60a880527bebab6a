"""Reproducible fixtures: named random draws, a safetensors writer with fixed bytes, and the manifest.

The writer is ours because the usual one stores metadata in hash order, so that two runs give two files.
"""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
DTYPES = {
    torch.float64: ("F64", "<f8"),
    torch.float32: ("F32", "<f4"),
    torch.int64: ("I64", "<i8"),
    torch.bool: ("BOOL", "|b1"),
    torch.uint8: ("U8", "|u1"),
}


class Draws:
    """Random tensors addressed by (seed, name): adding one leaves all others as they were."""

    def __init__(self, seed, case):
        self.seed, self.case = seed, case

    def _generator(self, name):
        address = zlib.crc32(f"{self.case}/{name}".encode())
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, address])))

    def normal(self, name, shape, sd=1.0, mean=0.0, dtype=torch.float32):
        """N(mean, sd²), rounded to float32 unless float64 is asked for."""
        values = mean + sd * self._generator(name).standard_normal(tuple(shape))
        return torch.from_numpy(np.asarray(values)).to(dtype)

    def uniform(self, name, shape, low=0.0, high=1.0):
        """U[low, high), rounded to float32."""
        return torch.from_numpy(self._generator(name).uniform(low, high, tuple(shape))).to(torch.float32)

    def integers(self, name, shape, high):
        """Integers of [0, high), int64."""
        return torch.from_numpy(self._generator(name).integers(0, high, tuple(shape), dtype=np.int64))

    def subset(self, name, batch, total, kept, ordered=True):
        """(N, K) distinct indices of [0, total) per row; ascending when ordered."""
        random = self._generator(name)
        rows = [random.permutation(total)[:kept] for _ in range(batch)]
        rows = [np.sort(row) if ordered else row for row in rows]
        return torch.from_numpy(np.stack(rows).astype(np.int64))


def write_safetensors(path, tensors, metadata):
    """Writes tensors in (element size descending, name) order, metadata in key order."""
    header = {"__metadata__": {key: str(metadata[key]) for key in sorted(metadata)}}
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    chunks, offset = [], 0
    for name in order:
        tensor = tensors[name].detach()
        code, numpy_type = DTYPES[tensor.dtype]
        data = np.ascontiguousarray(tensor.numpy()).astype(numpy_type, copy=False).tobytes()
        header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def single(tensor):
    """A float64 result as it is stored: rounded once to float32."""
    return tensor.detach().to(torch.float32).contiguous()


class Topic:
    """One folder golden/<name>/ of a module: its files and its manifest.json."""

    def __init__(self, module, name, script, seed, tolerance, notes):
        self.folder = ROOT / module / "src/test/resources/golden" / name
        self.manifest = {
            "topic": name,
            "script": f"scripts/golden/{script}",
            "regenerate": "scripts/golden/make_all.sh",
            "torch": torch.__version__.split("+")[0],
            "seed": seed,
            "tolerance": tolerance,
            "notes": notes,
            "files": {},
        }
        self.seed = seed

    def draws(self, case):
        return Draws(self.seed, f"{self.manifest['topic']}/{case}")

    def write(self, case, tensors, metadata, **about):
        path = self.folder / f"{case}.safetensors"
        write_safetensors(path, tensors, metadata)
        self._record(path, about)

    def write_json(self, case, content, **about):
        path = self.folder / f"{case}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        self._record(path, about)

    def write_bytes(self, name, data, **about):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self._record(path, about)

    def _record(self, path, about):
        data = path.read_bytes()
        self.manifest["files"][path.name] = {
            **about,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }

    def close(self):
        """Removes fixtures this run did not write and stores the manifest."""
        known = self.manifest["files"]
        for path in self.folder.iterdir():
            if path.suffix in (".safetensors", ".json", ".pt") and path.name not in known and path.name != "manifest.json":
                path.unlink()
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False) + "\n"
        (self.folder / "manifest.json").write_text(text)
        total = sum(entry["bytes"] for entry in known.values())
        print(f"{self.manifest['topic']}: {len(known)} files, {total / 1e6:.2f} MB")
