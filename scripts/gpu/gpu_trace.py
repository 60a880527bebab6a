"""What one training step did, read from the trace of torch.profiler: kernels, copies, waits, and which attention ran.

    python gpu_trace.py TRACE.json

prints the same of a trace that was kept.
"""

import json
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, record_function

STEP = "first_run_step"
ATTENTION = re.compile(r"flash|fmha|attention|sdpa|mem_eff|softmax", re.IGNORECASE)
WAITS = re.compile(r"^cu(da)?(StreamSynchronize|EventSynchronize|DeviceSynchronize|CtxSynchronize|Memcpy)$")
LAUNCHES = re.compile(r"^cu(da)?(LaunchKernel|LaunchCooperativeKernel|GraphLaunch)")


def short(name):
    """A kernel's name without its template arguments."""
    name = re.sub(r"^void ", "", name)
    return re.split(r"[<(]", name, maxsplit=1)[0][:120]


def counts(events):
    """Counts the events of a Chrome trace, those of the host within the marked step alone."""
    marked = [e for e in events if e.get("name") == STEP and e.get("cat") in ("user_annotation", "cpu_op")]
    start, end = (marked[0]["ts"], marked[0]["ts"] + marked[0]["dur"]) if marked else (float("-inf"), float("inf"))
    kernels, copies, waits, attention = Counter(), Counter(), Counter(), Counter()
    launches = operations = 0
    kernel_us = 0.0
    for event in events:
        kind, name = str(event.get("cat", "")).lower(), event.get("name", "")
        if event.get("ph") != "X":
            continue
        inside = start <= event["ts"] <= end
        if kind == "kernel":
            kernels[short(name)] += 1
            kernel_us += event.get("dur", 0)
            if ATTENTION.search(name):
                attention[name[:300]] += 1
        elif kind == "gpu_memcpy":
            copies[re.sub(r"\s*\(.*", "", name)] += 1
        elif kind == "gpu_memset":
            copies["Memset"] += 1
        elif kind in ("cuda_runtime", "cuda_driver") and inside:
            waits[name] += 1 if WAITS.match(name) else 0
            launches += 1 if LAUNCHES.match(name) else 0
        elif kind == "cpu_op" and inside:
            operations += 1
    return {
        "kernels": sum(kernels.values()),
        "kernel_ms": kernel_us / 1e3,
        "launches": launches,
        "operations": operations,
        "copies": dict(copies),
        "waits": {name: count for name, count in waits.items() if count},
        "attention_kernels": dict(attention.most_common(12)),
        "most_frequent_kernels": dict(kernels.most_common(12)),
    }


def profiled(step, device):
    """Runs a function once and returns what it did; its time is not that of an unobserved run."""
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device.type == "cuda" else [])
    with profile(activities=activities) as seen:
        with record_function(STEP):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        seen.export_chrome_trace(str(file))
        trace = json.loads(file.read_text())
    return counts(trace["traceEvents"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps(counts(json.loads(Path(sys.argv[1]).read_text())["traceEvents"]), indent=1))
