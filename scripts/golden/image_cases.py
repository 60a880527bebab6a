"""Writes golden/pictures: PNG and JPEG files, and what Pillow makes of them.

cases.json holds, for each file, size and SHA-256 of the bytes of Image.open(file).convert("RGB"), the same after
ImageOps.exif_transpose, and what Pillow says to files cut off; and the same hash for each resize and crop of a
picture given by a formula. Needs Pillow 12 or earlier: version 13 resizes tall pictures in another order.
"""

import hashlib
import io
import struct
import zlib

import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps, features

from golden_file import Topic

SEED = 20261123
FILTERS = {
    "BOX": Image.Resampling.BOX,
    "BILINEAR": Image.Resampling.BILINEAR,
    "HAMMING": Image.Resampling.HAMMING,
    "BICUBIC": Image.Resampling.BICUBIC,
    "LANCZOS": Image.Resampling.LANCZOS,
}


# ---------------------------------------------------------------- pictures


def formula(width, height):
    """A picture that Java can make too: waves that get finer to the right and to the bottom."""
    x, y = np.meshgrid(np.arange(width, dtype=np.int64), np.arange(height, dtype=np.int64))
    planes = [((x * x * 3 + y * y * 5 + x * y * (c + 1) * 7 + 3700 * c) >> 6) & 255 for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def scene(width, height):
    """Smooth colours with some noise and an edge, so that a JPEG file has something to lose."""
    random = np.random.Generator(np.random.PCG64(SEED))
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    planes = np.stack([x, y, (x + y) / 2], axis=-1) * 200 + 20
    planes[(x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.06] = (250, 10, 40)
    return np.clip(planes + random.normal(0, 12, planes.shape), 0, 255).astype(np.uint8)


# ---------------------------------------------------------------- PNG


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def paeth(a, b, c):
    p = a + b - c
    near = sorted(((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c)))
    return near[0][2]


def filtered(rows, step, random):
    """Rows with a random filter each."""
    out, above = bytearray(), bytes(len(rows[0]))
    for row in rows:
        kind = int(random.integers(5))
        out.append(kind)
        for i, value in enumerate(row):
            a = row[i - step] if i >= step else 0
            c = above[i - step] if i >= step else 0
            b = above[i]
            guess = (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]
            out.append((value - guess) & 255)
        above = row
    return bytes(out)


def packed(samples, bits):
    """(W, S) samples of a row as bytes."""
    flat = samples.reshape(-1)
    if bits == 16:
        return flat.astype(">u2").tobytes()
    if bits == 8:
        return flat.astype(np.uint8).tobytes()
    text = "".join(format(int(v), f"0{bits}b") for v in flat)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, bits, colour, interlaced=False, before=(), after=(), parts=1):
    """A PNG file of (H, W, S) samples, by the specification."""
    random = np.random.Generator(np.random.PCG64([SEED, bits, colour, interlaced]))
    height, width, count = samples.shape
    step = max(1, count * bits // 8)
    data = b""
    for x0, y0, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.size:
            data += filtered([packed(row, bits) for row in part], step, random)
    body = zlib.compress(data, 9)
    out = b"\x89PNG\r\n\x1a\n"
    out += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced)))
    out += b"".join(chunk(*c) for c in before)
    size = -(-len(body) // parts)
    out += b"".join(chunk(b"IDAT", body[i : i + size]) for i in range(0, len(body), size))
    out += b"".join(chunk(*c) for c in after)
    return out + chunk(b"IEND", b"")


def png_files():
    files = {}
    random = np.random.Generator(np.random.PCG64([SEED, 1]))
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    palette = random.integers(0, 256, 256 * 3).astype(np.uint8).tobytes()
    kinds = [(0, b) for b in (1, 2, 4, 8, 16)] + [(3, b) for b in (1, 2, 4, 8)]
    kinds += [(c, b) for c in (2, 4, 6) for b in (8, 16)]
    names = {0: "grey", 2: "rgb", 3: "palette", 4: "grey-alpha", 6: "rgb-alpha"}
    for colour, bits in kinds:
        for interlaced in (False, True):
            picture = random.integers(0, 2**bits, (11, 13, samples[colour]))
            before = [(b"PLTE", palette[: 3 * 2**bits])] if colour == 3 else []
            name = f"{names[colour]}-{bits}{'-adam7' if interlaced else ''}.png"
            files[name] = png(picture, bits, colour, interlaced, before)
    wide = np.array([0, 1, 127, 128, 254, 255, 256, 257, 511, 0x7FFF, 0x8000, 0xFF00, 0xFFFF]).reshape(1, -1, 1)
    files["grey-16-steps.png"] = png(wide, 16, 0)
    files["one-pixel.png"] = png(np.array([[[7, 8, 9]]]), 8, 2, True)
    for width, height in ((2, 9), (5, 1), (3, 3)):
        files[f"adam7-{width}x{height}.png"] = png(random.integers(0, 256, (height, width, 3)), 8, 2, True)
    rgb = scene(37, 29).astype(np.int64)
    files["split-data.png"] = png(rgb, 8, 2, parts=7)
    files["transparent-colour.png"] = png(rgb, 8, 2, before=[(b"tRNS", struct.pack(">HHH", *map(int, rgb[3, 4])))])
    files["transparent-grey.png"] = png(rgb[..., :1], 8, 0, before=[(b"tRNS", struct.pack(">H", int(rgb[3, 4, 0])))])
    indices = random.integers(0, 16, (11, 13, 1))
    files["transparent-palette.png"] = png(
        indices, 8, 3, before=[(b"PLTE", palette[:48]), (b"tRNS", bytes(range(0, 160, 10)))]
    )
    files["short-palette.png"] = png(random.integers(0, 256, (11, 13, 1)), 8, 3, before=[(b"PLTE", palette[:30])])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    metadata = [
        (b"gAMA", struct.pack(">I", 100000)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        (b"iCCP", b"odd\0\0" + zlib.compress(profile)),
        (b"tEXt", b"Comment\0text"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"packed text" * 99)),
    ]
    files["metadata.png"] = png(rgb, 8, 2, before=metadata, after=[(b"tIME", bytes(7))])
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    files["turned.png"] = png(rgb, 8, 2, before=[(b"eXIf", exif)])
    control = struct.pack(">IIIIIHHBB", 0, 37, 29, 0, 0, 1, 10, 0, 0)
    frame = zlib.compress(b"".join(b"\0" + bytes(37 * 3) for _ in range(29)))
    files["animated.png"] = png(
        rgb,
        8,
        2,
        before=[(b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", control)],
        after=[(b"fcTL", struct.pack(">I", 1) + control[4:]), (b"fdAT", struct.pack(">I", 2) + frame)],
    )
    return files


# ---------------------------------------------------------------- JPEG


def jpeg(array, mode="RGB", **options):
    out = io.BytesIO()
    Image.fromarray(array, mode).save(out, "JPEG", **{"quality": 90, **options})
    return out.getvalue()


def segments(data):
    """Yields (marker, start, end) up to the first scan."""
    at = 2
    while True:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        yield marker, at, at + 2 + length
        if marker == 0xDA:
            return
        at += 2 + length


def without(data, *markers):
    """The file without some of its segments."""
    out, last = data[:2], 2
    for marker, start, end in segments(data):
        out += b"" if marker in markers else data[start:end]
        last = end
    return out + data[last:]


def edited(data, marker, edit):
    """The file with the first segment of a kind changed in place."""
    out = bytearray(data)
    start = next(s for m, s, _ in segments(data) if m == marker)
    edit(out, start)
    return bytes(out)


def renamed_components(data, names):
    def frame(out, s):
        for i, name in enumerate(names):
            out[s + 10 + 3 * i] = name

    def scan(out, s):
        for i, name in enumerate(names):
            out[s + 5 + 2 * i] = name

    return edited(edited(data, 0xC0, frame), 0xDA, scan)


def turned_sampling(data):
    """A 4:2:2 file read as 4:4:0: its blocks are the same, their places are not."""

    def frame(out, s):
        out[s + 5 : s + 7], out[s + 7 : s + 9] = out[s + 7 : s + 9], out[s + 5 : s + 7]
        out[s + 11] = 0x12

    return edited(data, 0xC0, frame)


def jpeg_files():
    rgb, big = scene(61, 43), scene(150, 101)
    grey = rgb[..., 1]
    cmyk = np.concatenate([scene(61, 43), scene(43, 61).transpose(1, 0, 2)[..., :1] // 2], axis=-1)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
    plain = jpeg(rgb, subsampling=2)
    bare = without(plain, 0xE0)
    direct = jpeg(rgb, keep_rgb=True)
    ink = jpeg(cmyk, "CMYK")
    files = {
        "444.jpg": jpeg(rgb, subsampling=0),
        "422.jpg": jpeg(rgb, subsampling=1),
        "420.jpg": plain,
        "440.jpg": turned_sampling(jpeg(rgb, subsampling=1)),
        "420-large.jpg": jpeg(big, subsampling=2, quality=75),
        "422-low.jpg": jpeg(rgb, subsampling=1, quality=8),
        "444-best.jpg": jpeg(rgb, subsampling=0, quality=100),
        "progressive.jpg": jpeg(rgb, progressive=True),
        "progressive-444.jpg": jpeg(big, progressive=True, subsampling=0, quality=60),
        "restarts.jpg": jpeg(rgb, restart_marker_blocks=2),
        "optimised.jpg": jpeg(rgb, optimize=True),
        "grey.jpg": jpeg(grey, "L"),
        "grey-progressive.jpg": jpeg(grey, "L", progressive=True),
        "rgb.jpg": direct,
        "rgb-names.jpg": without(direct, 0xE0, 0xEE),
        "adobe-rgb.jpg": bare[:2] + adobe + b"\0" + bare[2:],
        "adobe-ycc.jpg": bare[:2] + adobe + b"\x01" + bare[2:],
        "jfif-and-adobe-rgb.jpg": plain[:20] + adobe + b"\0" + plain[20:],
        "no-markers.jpg": bare,
        "other-names.jpg": renamed_components(bare, (0, 1, 2)),
        "other-names-444.jpg": renamed_components(without(jpeg(rgb, subsampling=0), 0xE0), (7, 8, 9)),
        "cmyk.jpg": ink,
        "cmyk-420.jpg": jpeg(cmyk, "CMYK", subsampling=2),
        "cmyk-progressive.jpg": jpeg(cmyk, "CMYK", progressive=True),
        "cmyk-no-adobe.jpg": without(ink, 0xEE),
        "ycck.jpg": edited(ink, 0xEE, lambda out, s: out.__setitem__(s + 15, 2)),
        "profile.jpg": jpeg(rgb, icc_profile=profile),
        "grey-profile.jpg": jpeg(grey, "L", icc_profile=profile),
        "cmyk-profile.jpg": jpeg(cmyk, "CMYK", icc_profile=profile),
        "broken-profile.jpg": jpeg(rgb, icc_profile=b"no profile at all" * 9),
        "comment.jpg": jpeg(rgb, comment=b"a comment"),
        "one-pixel.jpg": jpeg(rgb[:1, :1]),
        "one-row.jpg": jpeg(rgb[:1]),
        "one-column.jpg": jpeg(rgb[:, :1]),
        "tail.jpg": plain + b"bytes behind the end",
        "a-png-by-content.jpg": png(rgb.astype(np.int64)[:9, :8], 8, 2),
        "a-jpeg-by-content.png": jpeg(rgb[:9, :8]),
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files[f"exif-{orientation}.jpg"] = jpeg(rgb[:19, :29], exif=exif)
    return files


# ---------------------------------------------------------------- results


def about(image):
    data = np.asarray(image.convert("RGB")).tobytes()
    return {"width": image.width, "height": image.height, "sha256": hashlib.sha256(data).hexdigest()}


def read(data):
    """What Pillow makes of a file, or None."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            image.load()
            return about(image)
    except (OSError, SyntaxError, ValueError):
        return None


def cuts(data, count=48):
    """What Pillow makes of the beginnings of a file."""
    lengths = sorted({len(data) * i // count for i in range(count)} | {len(data) - i for i in range(1, 20)})
    return {str(length): read(data[:length]) for length in lengths}


def crop(image, size):
    """center_crop_arr of the ADM code base, from its description in docs."""
    while min(image.size) >= 2 * size:
        image = image.resize(tuple(side // 2 for side in image.size), Image.Resampling.BOX)
    scale = size / min(image.size)
    image = image.resize(tuple(round(side * scale) for side in image.size), Image.Resampling.BICUBIC)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def resizes():
    random = np.random.Generator(np.random.PCG64([SEED, 2]))
    sizes = [(97, 71, 48, 35), (97, 71, 31, 71), (97, 71, 97, 20), (97, 71, 200, 151), (97, 71, 1, 1)]
    sizes += [(97, 71, 97, 71), (1, 1, 5, 3), (2, 300, 7, 11), (300, 2, 11, 7), (640, 480, 224, 224)]
    sizes += [tuple(int(v) for v in random.integers(1, 120, 4)) for _ in range(12)]
    for name, method in FILTERS.items():
        for w, h, width, height in sizes:
            yield {"filter": name, "from": [w, h], **about(Image.fromarray(formula(w, h)).resize((width, height), method))}


def crops():
    random = np.random.Generator(np.random.PCG64([SEED, 3]))
    cases = [(500, 375, 256), (375, 500, 256), (256, 256, 256), (512, 512, 256), (511, 700, 256), (1023, 1025, 256)]
    cases += [(200, 133, 256), (1200, 803, 256), (2, 2, 1), (9, 2, 3), (1, 40, 8), (511, 512, 64)]
    cases += [(int(w), int(h), 32) for w, h in random.integers(17, 280, (60, 2))]
    for w, h, size in cases:
        yield {"from": [w, h], "size": size, **about(crop(Image.fromarray(formula(w, h)), size))}


def main():
    if int(PIL.__version__.split(".")[0]) > 12:
        raise SystemExit(f"needs Pillow 12 or earlier but found {PIL.__version__}")
    topic = Topic("maskalign-core", "pictures", "image_cases.py", SEED, {"pixels": 0}, [
        f"Pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}.",
        "cases.json: files, what becomes of files cut off, resizes and crops of the formula's picture.",
    ])
    topic.manifest["numpy"] = np.__version__
    topic.folder.mkdir(parents=True, exist_ok=True)
    for old in [*topic.folder.glob("*.png"), *topic.folder.glob("*.jpg")]:
        old.unlink()
    read_files, cut_files = {}, {}
    files = {**png_files(), **jpeg_files()}
    for name, data in sorted(files.items()):
        topic.write_bytes(name, data)
        image = Image.open(io.BytesIO(data))
        read_files[name] = {**about(image), "upright": about(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))}
    for name in ("420.jpg", "progressive.jpg", "restarts.jpg", "cmyk.jpg", "metadata.png", "rgb-8-adam7.png", "split-data.png"):
        cut_files[name] = cuts(files[name])
    topic.write_json("cases", {"files": read_files, "cuts": cut_files, "resizes": list(resizes()), "crops": list(crops())})
    topic.close()


if __name__ == "__main__":
    main()
