#!/usr/bin/env python3
"""The first run on a card: checks and times one training step of SiT with MaskAlign or REG, next to PyTorch.

    python first_run.py --minutes 10 --out results.json

Needs Python with PyTorch, and the folder that `scripts/bench/workbench gpu-kit --out DIR` writes. Our step is called as the
library calls it, function by function, with its graph optimiser off; beside it runs an independent eager program, and the
same under torch.compile. First the two are compared, and this device with the CPU; then each case is timed, the most
important first, until the time is used up. The results are written after every case, so a run that is cut keeps what it has.
A case that runs out of memory or fails is noted. Ends with 0 if all checks passed, with 1 if one did not, with 2 if the
folder is damaged or the device missing. docs/howto/first-run-on-a-gpu.md tells how to read the results.
"""

import argparse
import hashlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
try:
    import torch
    import torch.nn.functional as F
except ImportError as e:
    sys.exit(f"first_run.py needs a Python with PyTorch: {e}")
from gpu_checks import checks  # noqa: E402
from gpu_step import Eager, KitError, Ours, Plan, free  # noqa: E402
from gpu_trace import profiled  # noqa: E402

# size, method, precision, batch, engine
CASES = [(size, "maskalign", "bf16", batch, engine) for size, batch in (("B-2", 64), ("XL-2", 64), ("XL-2", 256), ("B-2", 256))
         for engine in ("ours", "eager")]
CASES += [("B-2", "maskalign", "bf16", 64, "compile")]
CASES += [(size, "maskalign", "bf16", 16, engine) for size in ("B-2", "XL-2") for engine in ("ours", "eager")]
CASES += [("XL-2", "reg", "bf16", 64, "ours"), ("XL-2", "reg", "bf16", 64, "eager"), ("XL-2", "maskalign", "bf16", 64, "compile")]
CASES += [(size, "maskalign", kind, 64, engine) for size in ("B-2", "XL-2") for kind in ("float32", "tf32")
          for engine in ("ours", "eager")]
CASES += [("XL-2", "maskalign", "bf16", 256, "compile"), ("B-2", "maskalign", "bf16", 256, "compile")]
CASES += [(size, "reg", "bf16", batch, engine) for size, batch in (("B-2", 256), ("XL-2", 256)) for engine in ("ours", "eager")]
CASES += [(size, "maskalign", "bf16", batch, engine) for batch in (32, 128) for size in ("B-2", "XL-2")
          for engine in ("ours", "eager")]
TINY = [("tiny", method, kind, 4, engine) for method, kind in (("maskalign", "float32"), ("reg", "bf16"))
        for engine in ("ours", "eager")] + [("tiny", "maskalign", "float32", 4, "compile")]
COMPILE_SECONDS = 90  # with less left a compiled case is not begun


class OutOfTime(Exception):
    pass


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a model of a few numbers, to try the program")
    parser.add_argument("--minutes", type=float, default=10, help="time for everything; at least 0.5")
    parser.add_argument("--out", type=Path, default=Path("first_run.json"), help="file of the results")
    parser.add_argument("--kit", type=Path, default=HERE, help="the folder; that of this program unless given")
    parser.add_argument("--only", metavar="TEXT", help="time the cases whose name holds this, such as XL-2 or compile")
    args = parser.parse_args()
    if args.minutes < 0.5:
        parser.error(f"--minutes must be at least 0.5 but was {args.minutes}")
    return args


def verify(kit):
    """Refuses a folder that is not whole."""
    index = kit / "kit.json"
    if not index.is_file():
        raise KitError(f"{index} is missing: write the folder with scripts/bench/workbench gpu-kit --out DIR and copy all of it")
    try:
        content = json.loads(index.read_text())
        for name, expected in content["files"].items():
            file = kit / name
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
                raise KitError(f"{file} is {'not what was written' if file.is_file() else 'missing'}: copy the folder again")
    except (ValueError, KeyError) as e:
        raise KitError(f"{index} is no index of such a folder ({e!r}): copy the folder again") from e
    return content["version"]


def card():
    """What the driver says of the device now."""
    fields = "name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.draw,power.limit,temperature.gpu"
    try:
        found = subprocess.run(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader", "-i", "0"],
                               capture_output=True, text=True, timeout=10, check=True).stdout
        return dict(zip(fields.split(","), (value.strip() for value in found.splitlines()[0].split(","))))
    except (OSError, subprocess.SubprocessError, IndexError) as e:
        return {"unknown": repr(e)[:200]}


def environment(device, version):
    found = {
        "kit": version,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor_kernels": torch.backends.cpu.get_cpu_capability(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found.update({
            "device": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "memory_gib": properties.total_memory / 2**30,
            "multiprocessors": properties.multi_processor_count,
            "cudnn": torch.backends.cudnn.version(),
            "tf32_matmul_at_start": torch.get_float32_matmul_precision(),
            "tf32_cudnn": torch.backends.cudnn.allow_tf32,
            "attention_allowed": {name: getattr(torch.backends.cuda, f"{name}_sdp_enabled")()
                                  for name in ("flash", "mem_efficient", "math", "cudnn")
                                  if hasattr(torch.backends.cuda, f"{name}_sdp_enabled")},
            "card": card(),
        })
    return found


def synchronise(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


# --- times ------------------------------------------------------------------------------------------------


def quantiles(values):
    ordered = sorted(values)
    at = lambda q: ordered[min(len(ordered) - 1, round(q * (len(ordered) - 1)))]  # noqa: E731
    return {"median": statistics.median(ordered), "p10": at(0.1), "p90": at(0.9)}


def timed(step, device, warmup, seconds):
    """Times of single steps, each waited for, and of steps that run on without waiting, in ms."""
    for _ in range(warmup):
        step()
    synchronise(device)
    start = time.perf_counter()
    step()
    synchronise(device)
    steps = max(3, min(30, int(seconds / max(time.perf_counter() - start, 1e-6))))
    own, wall, host = [], [], []
    for _ in range(steps):
        synchronise(device)
        begin = time.perf_counter()
        if device.type == "cuda":
            first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            first.record()
        step()
        if device.type == "cuda":
            last.record()
        host.append((time.perf_counter() - begin) * 1e3)
        synchronise(device)
        wall.append((time.perf_counter() - begin) * 1e3)
        own.append(first.elapsed_time(last) if device.type == "cuda" else wall[-1])
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    synchronise(device)
    running = (time.perf_counter() - begin) * 1e3 / steps
    return {"steps": steps, "step_ms": quantiles(own), "wall_ms": quantiles(wall), "host_ms": quantiles(host),
            "running_ms": running}


def launched(program, inputs, device):
    """How long the host is busy with forward and backward, in ms: nothing in them waits for the device."""
    synchronise(device)
    begin = time.perf_counter()
    program.forward(inputs)
    spent = (time.perf_counter() - begin) * 1e3
    synchronise(device)
    return spent


def timed_case(kit, case, device):
    size, method, precision, batch, engine = case
    tf32 = "high" if precision == "tf32" else "highest"
    torch.set_float32_matmul_precision(tf32)
    plan = Plan(kit, f"{size}-{method}-{'float32' if precision == 'tf32' else precision}")
    weights = plan.weights(device)
    program = Ours(plan, device, weights) if engine == "ours" else Eager(plan, device, weights, engine == "compile")
    del weights
    free(device)
    inputs = plan.batch(batch)
    found = {"tf32_matmul": tf32}
    start = time.perf_counter()
    program.step(inputs)
    synchronise(device)
    found["first_step_s"] = time.perf_counter() - start
    found.update(timed(lambda: program.step(inputs), device, 2, 0.5 if device.type == "cpu" else 3))
    found["launch_ms"] = quantiles([launched(program, inputs, device) for _ in range(min(found["steps"], 10))])
    found["pictures_per_s"] = batch / found["running_ms"] * 1e3
    if device.type == "cuda":
        found["peak_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
        found["card"] = card()
    found["losses"] = program.losses()
    found["trace"] = profiled(lambda: program.step(inputs), device)
    return found


def attention(device, tiny):
    """Which kernel attends at some head widths, and what it takes forward and backward; shaped as our blocks shape it."""
    batch, heads = (2, 2) if tiny else (64, 16)
    for dtype in (torch.bfloat16, torch.float32):
        for width in (64, 72, 80):
            for tokens in (193, 257):  # with a class token, a quarter dropped or none
                qkv = torch.randn(batch, tokens, 3, heads, width, device=device, dtype=dtype, requires_grad=True)

                def step():
                    q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
                    F.scaled_dot_product_attention(q, k, v).transpose(1, 2).sum().backward()

                found = timed(step, device, 2, 0.1)
                yield {"head_width": width, "tokens": tokens, "type": str(dtype).removeprefix("torch."),
                       "step_ms": found["step_ms"]["median"], "kernels": profiled(step, device)["attention_kernels"]}
                if tiny:
                    break


# --- all of it --------------------------------------------------------------------------------------------


class Report:
    """The results; written as a whole after each addition."""

    def __init__(self, file, found):
        self.file, self.content = file, {**found, "checks": [], "attention": [], "cases": [], "complete": False}

    def add(self, kind, one):
        self.content[kind].append(one)
        self.write()

    def write(self):
        temporary = self.file.with_name(self.file.name + ".tmp")
        with open(temporary, "w") as out:
            json.dump(self.content, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, self.file)


def say(text):
    print(text, flush=True)


def line(case, found):
    name = " ".join(map(str, case))
    if "step_ms" not in found:
        return f"{name:36} {found.get('skipped') or found.get('failed')}"
    trace = found["trace"]
    return (f"{name:36} step {found['step_ms']['median']:8.2f} ms  running {found['running_ms']:8.2f}  launch "
            f"{found['launch_ms']['median']:8.2f}  {found.get('peak_memory_gib', 0):6.1f} GiB  {trace['kernels']:5} kernels  "
            f"{sum(trace['waits'].values()):3} waits  {sum(n for k, n in trace['copies'].items() if 'HtoD' in k):3} copies in")


def ratios(cases):
    """Step of ours over that of the others, where both were timed."""
    ours = {tuple(c["case"][:4]): c for c in cases if c["case"][4] == "ours" and "step_ms" in c}
    for c in cases:
        mine = ours.get(tuple(c["case"][:4]))
        if mine and c["case"][4] != "ours" and "step_ms" in c:
            yield {"case": c["case"], "time": mine["running_ms"] / c["running_ms"],
                   "memory": mine.get("peak_memory_gib", 0) / c["peak_memory_gib"] if "peak_memory_gib" in c else None}


def attempt(work, limit_s):
    """Runs something that may fail or take too long; what went wrong is a result too."""

    def end(*_):
        raise OutOfTime

    old = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(limit_s, 0.1))
    try:
        return work()
    except OutOfTime:
        return {"skipped": "no time left"}
    except KitError:
        raise
    except torch.OutOfMemoryError as e:
        return {"failed": "out of memory", "message": str(e).splitlines()[0][:300]}
    except Exception as e:  # a case that fails must not cost the others
        return {"failed": f"{type(e).__name__}: {str(e).strip()[:600]}"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def run(args):
    end = time.monotonic() + 60 * args.minutes
    left = lambda: end - time.monotonic()  # noqa: E731
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise KitError("PyTorch finds no CUDA device here: --device cpu --tiny tries the program without one")
    report = Report(args.out, environment(device, verify(args.kit)))
    report.write()
    say(json.dumps({key: value for key, value in report.content.items() if isinstance(value, (str, int, float))}))
    torch.set_float32_matmul_precision("highest")
    cudnn_tf32, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False

    def all_checks():
        for one in checks(args.kit, device, args.tiny):
            report.add("checks", one)
            errors_ = one.get("gradients") or one["weights"]
            say(f"{'passed' if one['passed'] else 'FAILED'}  {one['name']}: losses {one.get('losses', 0):.1e}, "
                f"{'gradients' if 'gradients' in one else 'weights'} {errors_['all']:.1e}, worst {errors_['worst']:.1e} "
                f"({errors_['worst_tensor']})")
        return {}

    trouble = attempt(all_checks, left())
    if trouble:
        report.add("checks", {"name": "all checks", "passed": False, **trouble})
        say(f"FAILED  the checks ended early: {trouble}")
    torch.backends.cudnn.allow_tf32 = cudnn_tf32  # the engine's own setting, for times

    def all_attention():
        for one in attention(device, args.tiny):
            report.add("attention", one)
            say(f"attention {one['type']} width {one['head_width']} tokens {one['tokens']}: {one['step_ms']:.3f} ms "
                f"{[name[:60] for name in one['kernels']]}")
        return {}

    trouble = attempt(all_attention, min(left(), 60))
    if trouble:
        report.add("attention", trouble)
    for case in TINY if args.tiny else CASES:
        if args.only and args.only not in " ".join(map(str, case)):
            continue
        free(device)
        needed = COMPILE_SECONDS if case[4] == "compile" and not args.tiny else 5
        found = {"skipped": "no time left"} if left() < needed else attempt(
            lambda: timed_case(args.kit, case, device), left())
        report.add("cases", {"case": case, **found})
        say(line(case, found))
    report.content["ratios"] = list(ratios(report.content["cases"]))
    report.content["complete"] = True
    report.write()
    for one in report.content["ratios"]:
        say(f"ours / {one['case'][4]}, {' '.join(map(str, one['case'][:4]))}: {one['time']:.3f} of the time"
            + (f", {one['memory']:.2f} of the memory" if one["memory"] else ""))
    say(f"results: {args.out}")
    passed = [one["passed"] for one in report.content["checks"]]
    return 0 if passed and all(passed) else 1


def main():
    warnings.filterwarnings("ignore", message=".*(torch.jit|Profiler clears events).*")
    try:
        return run(arguments())
    except KitError as e:
        print(f"first_run.py: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
