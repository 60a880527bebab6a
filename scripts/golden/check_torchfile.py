"""Checks a checkpoint that TorchFileWriter wrote: check_torchfile.py FILE.pt EXPECTED.safetensors

Opens FILE with torch.load(weights_only=True), read and mapped, and compares each tensor, to the bit, with the one that
EXPECTED has under SECTION|KEY. PyTorch alone is needed.
"""

import json
import struct
import sys
from pathlib import Path

import torch
from torchfile_samples import CODES, flat


def safetensors(path):
    """Type, shape and bytes of each tensor."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {
        name: (about["dtype"], about["shape"], data[8 + length :][slice(*about["data_offsets"])])
        for name, about in header.items()
    }


def described(tensor):
    code = CODES[str(tensor.dtype).removeprefix("torch.")]
    return code, list(tensor.shape), bytes(tensor.contiguous().clone().untyped_storage())


def main(checkpoint, expected):
    wanted = safetensors(expected)
    for mapped in (False, True):
        found = {}
        flat(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=mapped), "", "", found)
        found = {f"{section}|{key}": described(tensor) for (section, key), tensor in found.items()}
        if found != wanted:
            different = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
            sys.exit(f"{'mapped' if mapped else 'read'}: different are {different}")
    print(f"{len(wanted)} tensors are equal")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
