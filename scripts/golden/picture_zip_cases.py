"""One small picture set in zip files as Info-ZIP, Python, macOS and Windows write them.

Info-ZIP (`zip` 3.0) and Python's zipfile write theirs; those of macOS's Archive Utility and of Windows' folders are
imitated byte by byte: the former streams (sizes behind the data), does not mark its names as UTF-8 and adds a shadow
file for each file, the latter writes names in the DOS code page. "Pictures" are a few bytes: nobody decodes them here.
"""

import io
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "maskalign-core/src/test/resources/golden/picture_zips"
TIME = (2024, 10, 9, 12, 0, 0)
FILES = {
    "n01/a.jpg": b"a" * 600,
    "n01/gr\u00fcn.png": bytes(range(256)),
    "n02/empty.JPEG": b"",
    "n02/b.jpeg": b"b",
}


class Stream(io.RawIOBase):
    """A file that cannot be wound back, so that sizes must follow the data."""

    def __init__(self):
        self.content = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.content += data
        return len(data)


class Unmarked(zipfile.ZipInfo):
    """An entry whose name is in some encoding and not marked as UTF-8."""

    encoding = "utf-8"

    def _encodeFilenameFlags(self):
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


class Dos(Unmarked):
    encoding = "cp437"


def write(kind=zipfile.ZipInfo, target=None, method=zipfile.ZIP_DEFLATED, system=3, wide=False, extras=(), comment=b""):
    target = target or io.BytesIO()
    with zipfile.ZipFile(target, "w") as out:
        out.comment = comment
        for folder in ("n01/", "n02/"):
            entry = kind(folder, TIME)
            entry.create_system = system
            out.writestr(entry, b"")
        for name, content in [*FILES.items(), *extras]:
            entry = kind(name, TIME)
            entry.create_system = system
            entry.compress_type = method
            with out.open(entry, "w", force_zip64=wide) as file:
                file.write(content)
    return bytes(target.content) if isinstance(target, Stream) else target.getvalue()


def info_zip(*arguments):
    """Returns what zip writes to its output, or to a file if an argument is FILE."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "set"
        for name, content in FILES.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for path in [*root.rglob("*"), root]:
            os.utime(path, (1728475200, 1728475200))
            path.chmod(0o755 if path.is_dir() else 0o644)
        output = Path(temporary) / "out.zip"
        command = ["zip", "-q", "-X", *(str(output) if a == "FILE" else a for a in arguments), *sorted(FILES)]
        done = subprocess.run(
            command, cwd=root, check=True, stdout=subprocess.PIPE, env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        )
        return output.read_bytes() if output.exists() else done.stdout


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    shadows = [("__MACOSX/n01/._a.jpg", b"\0\5\x16\7")]
    cases = {
        "info-zip": info_zip("FILE"),
        "info-zip-stored": info_zip("-0", "FILE"),
        "info-zip-stream": info_zip("-"),
        "python": write(),
        "python-stored": write(method=zipfile.ZIP_STORED, comment=b"a comment"),
        "python-zip64": write(wide=True),
        "python-stream": write(target=Stream()),
        "macos": write(Unmarked, Stream(), extras=shadows),
        "windows": write(Dos, system=0),
    }
    for name, content in cases.items():
        (FOLDER / f"{name}.zip").write_bytes(content)
    print(f"picture_zips: {len(cases)} files")


if __name__ == "__main__":
    main()
