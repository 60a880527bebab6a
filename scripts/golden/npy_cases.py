"""Writes golden/numpy: files by numpy.save, savez and savez_compressed, and what is in them.

cases.json holds, for each array, its type, shape and the SHA-256 of its little-endian bytes in C order. Files under
"same" must come out byte for byte when the library writes these arrays; files under "refused" must be refused.
"""

import hashlib
import io

import numpy as np

from golden_file import Topic

SEED = 20261123
TYPES = {
    "BOOL": "?",
    "I8": "i1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
    "U8": "u1",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "C64": "<c8",
}


def values(kind, shape, seed=0):
    random = np.random.Generator(np.random.PCG64([SEED, seed]))
    count = int(np.prod(shape))
    if kind == "BOOL":
        flat = random.integers(0, 2, count) > 0
    elif kind == "C64":
        flat = random.normal(size=count) + 1j * random.normal(size=count)
    elif kind[0] == "F":
        flat = random.normal(size=count)
    else:
        info = np.iinfo(TYPES[kind])
        flat = random.integers(info.min, info.max, count, dtype=TYPES[kind], endpoint=True)
    return flat.astype(TYPES[kind]).reshape(shape)


def about(array):
    kind = next(k for k, t in TYPES.items() if np.dtype(t) == array.dtype.newbyteorder("<"))
    data = np.ascontiguousarray(array).astype(TYPES[kind]).tobytes()
    return {"type": kind, "shape": list(array.shape), "sha256": hashlib.sha256(data).hexdigest()}


def npy(array, version=None, pickled=False):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(array), version=version, allow_pickle=pickled)
    return out.getvalue()


def npz(save, arrays):
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


def python2_header(array):
    """Counts with an L behind, as long numbers were written once."""
    data = npy(array)
    return data.replace(b"(5, 3), } ", b"(5L, 3L), } ", 1).replace(b"  \n", b"\n", 1)


def main():
    topic = Topic("maskalign-core", "numpy", "npy_cases.py", SEED, {"bytes": 0}, [
        "cases.json: arrays, same (files that are written byte for byte), refused (files that must be refused).",
    ])
    topic.manifest["numpy"] = np.__version__
    topic.folder.mkdir(parents=True, exist_ok=True)
    for old in [*topic.folder.glob("*.npy"), *topic.folder.glob("*.npz")]:
        old.unlink()
    files, arrays = {}, {}

    def add(name, array, data=None):
        files[name] = npy(array) if data is None else data
        arrays[name] = about(array)

    for kind in TYPES:
        add(f"{kind.lower()}.npy", values(kind, (3, 5)))
        if np.dtype(TYPES[kind]).itemsize > 1:
            add(f"{kind.lower()}-big-endian.npy", values(kind, (3, 5)).astype(np.dtype(TYPES[kind]).newbyteorder(">")))
    for shape in [(), (1,), (0,), (7,), (2, 0, 3), (1, 2, 3, 4, 5), (100000, 0)]:
        add(f"shape-{'x'.join(map(str, shape)) or 'none'}.npy", values("F32", shape))
    same = [name for name in files if "big" not in name]
    for shape in [(5,), (5, 3), (2, 3, 4), (3, 1, 2, 5), (0, 4)]:
        name = "x".join(map(str, shape))
        add(f"fortran-{name}.npy", np.asfortranarray(values("I16", shape)))
    add("fortran-big-endian.npy", np.asfortranarray(values("F64", (4, 3, 2)).astype(">f8")))
    for version in [(2, 0), (3, 0)]:
        array = values("F32", (5, 3))
        add(f"version-{version[0]}.npy", array, npy(array, version))
    array = values("I32", (5, 3))
    add("python2.npy", array, python2_header(array))
    add("bytes-behind.npy", array, npy(array) + b"bytes behind")

    packs = {
        "stored.npz": (np.savez, {"arr_0": values("U8", (4, 6, 6, 3)), "mu": values("F64", (17,)), "n": values("I64", ())}),
        "packed.npz": (np.savez_compressed, {"a": values("F32", (40, 30)), "zeros": np.zeros((300, 200), np.float32)}),
        "names.npz": (np.savez, {"a/b.c": values("F32", (2, 2)), "größe 漢": values("U8", (3,))}),
        "empty.npz": (np.savez, {}),
        "fortran.npz": (np.savez_compressed, {"f": np.asfortranarray(values("F32", (6, 4, 3)))}),
    }
    for name, (save, content) in packs.items():
        files[name] = npz(save, content)
        for key, array in content.items():
            arrays[f"{name}:{key}"] = about(array)

    refused = {
        "objects.npy": npy(np.array([{"a": 1}, None], dtype=object), pickled=True),
        "records.npy": npy(np.zeros(3, dtype=[("x", "<f4"), ("y", "<i4")])),
        "text.npy": npy(np.array(["a", "bc"])),
        "bytes.npy": npy(np.array([b"a", b"bc"])),
        "dates.npy": npy(np.array(["2026-11-23"], dtype="M8[D]")),
        "complex128.npy": npy(np.zeros(2, np.complex128)),
        "longdouble.npy": npy(np.zeros(2, np.longdouble)),
        "void.npy": npy(np.zeros(2, "V2")),
        "pickle.npy": np.array([1]).dumps(),
    }
    files.update(refused)
    for name, data in sorted(files.items()):
        topic.write_bytes(name, data)
    topic.write_json("cases", {
        "arrays": arrays,
        "same": sorted([*same, "stored.npz", "names.npz", "empty.npz"]),
        "refused": sorted(refused),
    })
    topic.close()


if __name__ == "__main__":
    main()
