"""Opens .npy and .npz files with NumPy and prints what is in them, one JSON line for each array.

Usage: python3 scripts/golden/check_npz.py FILE...
Reads every byte, with the zip checksums compared, so that a file that prints is a file that NumPy accepts. Needs NumPy.
"""

import hashlib
import json
import sys
import zipfile

import numpy as np


def rows(stream, shape, dtype):
    """The rows of an array that need not fit into memory."""
    per_row = int(np.prod(shape[1:])) * dtype.itemsize
    left = shape[0] if shape else 1
    step = max(1, (16 << 20) // max(1, per_row))
    while left > 0:
        count = min(step, left)
        data = stream.read(count * per_row)
        if len(data) != count * per_row:
            raise EOFError("the array is shorter than its header says")
        yield data
        left -= count


def describe(stream):
    """Type, shape and hash of the array that a stream holds, read in pieces."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, fortran, dtype = read(stream)
    digest = hashlib.sha256()
    for data in rows(stream, shape, dtype):
        digest.update(data)
    if stream.read(1):
        raise ValueError("there are bytes behind the array")
    return {"dtype": dtype.str, "shape": list(shape), "fortran": fortran, "sha256": digest.hexdigest()}


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for name in sys.argv[1:]:
        if zipfile.is_zipfile(name):
            with zipfile.ZipFile(name) as archive:
                for entry in archive.namelist():
                    with archive.open(entry) as stream:
                        print(json.dumps({"file": name, "array": entry, **describe(stream)}))
            with np.load(name) as arrays:
                for key in arrays.files:
                    if arrays.zip.getinfo(f"{key}.npy").file_size < 1 << 28:
                        assert arrays[key] is not None
        else:
            with open(name, "rb") as stream:
                print(json.dumps({"file": name, **describe(stream)}))


if __name__ == "__main__":
    main()
