"""Golden bytes for the TensorBoard writer, made by the `tensorboard` package itself (2.21.0).

    python -m venv .venv && .venv/bin/pip install tensorboard==2.21.0
    .venv/bin/python scripts/golden/tensorboard_events.py            # writes the golden file
    .venv/bin/python scripts/golden/tensorboard_events.py --print DIR # what TensorBoard reads from a run
"""

import struct
import sys
import zlib
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

GOLDEN = Path(__file__).parents[2] / "maskalign-core/src/test/resources/golden/tensorboard/events.bin"


def png_2x1():
    """A 2 x 1 colour picture, red and blue, in an uncompressed PNG."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00\x00\x00\xff", 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def events():
    """The calls of TensorBoardSinkTest; the wall time is 1700000000.25 s throughout."""
    wall = 1700000000.25
    yield event_pb2.Event(wall_time=wall, file_version="brain.Event:2")
    start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    yield event_pb2.Event(wall_time=wall, step=300, session_log=start)
    scalars = [("loss", 0.5), ("grad_norm/Größe", -1e-3), ("zero", 0.0), ("diverged", float("nan"))]
    values = [summary_pb2.Summary.Value(tag=tag, simple_value=value) for tag, value in scalars]
    yield event_pb2.Event(wall_time=wall, step=300, summary=summary_pb2.Summary(value=values))
    image = summary_pb2.Summary.Image(height=1, width=2, colorspace=3, encoded_image_string=png_2x1())
    value = summary_pb2.Summary.Value(tag="samples", image=image)
    yield event_pb2.Event(wall_time=wall, step=5_000_000_000, summary=summary_pb2.Summary(value=[value]))


def write():
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    with open(GOLDEN, "wb") as file:
        writer = RecordWriter(file)
        for event in events():
            writer.write(event.SerializeToString())
        writer.flush()
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes")


def show(folder):
    run = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0})
    run.Reload()
    for tag in run.Tags()["scalars"]:
        print(tag, [(event.step, event.value) for event in run.Scalars(tag)])
    for tag in run.Tags()["images"]:
        print(tag, [(event.step, event.width, event.height, len(event.encoded_image_string)) for event in run.Images(tag)])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--print"]:
        show(sys.argv[2])
    else:
        write()
