"""ADM's centre crop of a folder of JPEG files with Pillow and NumPy, on several processes; for torch_part.py."""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
from PIL import Image

SIDE = 256


def draw(folder, count=200):
    """Draws pictures of ImageNet's usual sizes: soft shapes under a little noise, so that they compress alike."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    sizes = [(500, 375), (375, 500), (500, 333), (500, 500), (640, 480), (1200, 900)]
    for i in range(count):
        width, height = sizes[i % len(sizes) if i % 12 == 5 else i % 4]
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        soft = np.asarray(coarse.resize((width, height), Image.BICUBIC), dtype=np.float32)
        noisy = soft + random.normal(0, 6, soft.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{i:05d}.jpg", quality=92)


def prepared(file):
    """The crop as training code has it; only a number goes back between the processes."""
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    while min(picture.size) >= 2 * SIDE:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.BOX)
    scale = SIDE / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.BICUBIC)
    pixels = np.asarray(picture)
    top, left = (pixels.shape[0] - SIDE) // 2, (pixels.shape[1] - SIDE) // 2
    planes = np.ascontiguousarray(pixels[top:top + SIDE, left:left + SIDE].transpose(2, 0, 1))
    return int(planes[0, 0, 0])


def crop(folder, workers):
    files = sorted(folder.iterdir())
    pool = ProcessPoolExecutor(workers)

    def run():
        for _ in pool.map(prepared, files, chunksize=8):
            pass

    return run
