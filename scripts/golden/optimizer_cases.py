"""Writes golden/optimizer: 20 steps of clip_grad_norm_(1.0), torch.optim.AdamW and EMA in float32.

The foreach implementations run on one CPU thread, so the numbers can be compared to the bit, on processors of one kind:

- vectors: kernels of AVX2 and AVX-512 round a * b + c once (`fma`), the default ones twice (`plain`): in exp_avg,
  exp_avg_sq and the average. A norm adds in another order too.
- roots: `torch.sqrt` is MKL's, which has other last bits for AVX-512 and AVX2, and a third kind for all older
  instructions, that it also takes on processors of other makers than Intel.

golden/optimizer is of the kind fma-avx512. On another kind of processor this script leaves it alone, and writes to
golden/optimizer-kinds the tensors that differ from it. `optimizer_kinds.sh` plays all kinds on one machine.
"""

import ctypes
import json
from pathlib import Path

import torch

from golden_file import DTYPES, Topic

SEED = 20260612
STEPS = 20
SHAPES = {"a": (17, 7), "b": (13,), "c": (3, 1, 2, 3)}

# name: learning rate, weight decay, EMA decay
CASES = {
    "lr1e-4-wd0": (1e-4, 0.0, 0.9999),
    "lr1e-2-wd0.01": (1e-2, 0.01, 0.9),
    "lr3e-3-wd0": (3e-3, 0.0, 0.9),
    "lr1e-3-wd0.01": (1e-3, 0.01, 0.9999),
}


MAIN_KIND = "fma-avx512"
ROOTS = {0: "sse", 3: "sse", 4: "sse", 5: "avx2", 7: "avx512"}  # by the number that MKL gives to its kernels


def kind():
    """The kind of this processor, or what the environment makes of it."""
    capability = torch.backends.cpu.get_cpu_capability()
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    kernels = library.mkl_serv_cpu_detect()
    vectors = "fma" if capability in ("AVX2", "AVX512") else "plain"
    return f"{vectors}-{ROOTS[kernels]}"


def gradients(draws, step):
    """Some steps need clipping, some do not; every fifth is as small as epsilon, and some entries are zero.

    Values are small integers times a power of two: sums of their squares are exact in float32, so the norm of a
    tensor does not depend on the order of summation.
    """
    scale = 2.0**-32 if step % 5 == 4 else (2.0**-11, 2.0**-6, 2.0**-3)[step % 3]
    grads = {}
    for name, shape in SHAPES.items():
        grads[name] = draws.normal(f"grad/{step}/{name}", shape, 32).round() * scale
    grads["b"][step % 13] = 0
    return grads


def main():
    torch.set_num_threads(1)
    name = kind()
    if name == MAIN_KIND:
        write_main()
    else:
        write_kind(name)


def write_main():
    topic = Topic("maskalign-core", "optimizer", "optimizer_cases.py", SEED, {"ulps": 0, "relative": 1e-6}, [
        "float32 throughout; PyTorch 2.3.1 and 2.15.0 write the same bits. Gradients sit on a grid that makes sums of",
        "squares exact, so a plain implementation of the formulas can reach the bits too; relative otherwise.",
        "params/k, and per step s = 0..19: grads/s/k before clipping, norm/s before clipping, and after the step",
        "p/s/k, m/s/k, v/s/k (exp_avg, exp_avg_sq), ema/s/k. EMA starts as a copy of params.",
        "clip: max_norm 1, coefficient min(1, 1 / (norm + 1e-6)), always multiplied. Norm = norm of tensor norms.",
        "AdamW: betas 0.9, 0.999, eps 1e-8, foreach. EMA: e * decay, then + p * (1 - decay); two roundings.",
        "ema_lerp/s/k: the same average as lerp(e, p, 1 - decay); it differs in the last bits.",
    ])
    for name in CASES:
        topic.write(name, *case(topic, name))
    topic.close()


def write_kind(kind_name):
    """Only what differs: weights and averages of the roots' kind, nearly all for the plain vectors."""
    topic = Topic("maskalign-core", "optimizer-kinds", "optimizer_cases.py", SEED, {"ulps": 0}, [
        "golden/optimizer is what a processor of the kind fma-avx512 computes. KIND.CASE holds the tensors that another",
        "kind computes otherwise; all others are equal. vectors: fma or plain; roots: avx512, avx2 or sse (and AVX, and",
        "processors of other makers than Intel). Made by optimizer_kinds.sh with PyTorch 2.3.1.",
    ])
    del topic.manifest["torch"]  # each kind has its own run
    manifest = topic.folder / "manifest.json"
    if manifest.exists():  # the other kinds stay
        topic.manifest["files"] = json.loads(manifest.read_text())["files"]
    main = Topic("maskalign-core", "optimizer", "optimizer_cases.py", SEED, {}, [])
    for name in CASES:
        tensors, metadata = case(main, name)
        standard = read(main.folder / f"{name}.safetensors")
        for key in [key for key in tensors if key.startswith(("params/", "grads/"))]:
            assert torch.equal(tensors[key], standard[key]), key
        differing = {key: tensor for key, tensor in tensors.items()
                     if not key.startswith("ema_lerp/") and not torch.equal(tensor, standard[key])}
        topic.write(f"{kind_name}.{name}", differing, {"kind": kind_name} | metadata)
    topic.manifest["files"] = dict(sorted(topic.manifest["files"].items()))
    topic.close()


def read(path):
    """Reads a fixture of one element type a tensor."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    types = {code: dtype for dtype, (code, _) in DTYPES.items()}
    tensors = {}
    for key, entry in header.items():
        if key != "__metadata__":
            first, last = entry["data_offsets"]
            raw = bytearray(data[8 + length + first : 8 + length + last])
            tensors[key] = torch.frombuffer(raw, dtype=types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def case(topic, name):
    """Runs a case: its tensors and metadata."""
    lr, decay, ema_decay = CASES[name]
    draws = topic.draws(name)
    tensors = {f"params/{key}": draws.normal(f"params/{key}", shape, 0.3) for key, shape in SHAPES.items()}
    params = {key: tensors[f"params/{key}"].clone().requires_grad_() for key in SHAPES}
    values = list(params.values())
    ema = [value.detach().clone() for value in values]
    lerp = [value.detach().clone() for value in values]
    optimizer = torch.optim.AdamW(values, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay, foreach=True)
    for step in range(STEPS):
        for key, grad in gradients(draws, step).items():
            params[key].grad = grad.clone()
            tensors[f"grads/{step}/{key}"] = grad
        tensors[f"norm/{step}"] = torch.nn.utils.clip_grad_norm_(values, 1.0, foreach=True)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_mul_(ema, ema_decay)
            torch._foreach_add_(ema, values, alpha=1 - ema_decay)
            torch._foreach_lerp_(lerp, values, 1 - ema_decay)
        for i, (key, value) in enumerate(params.items()):
            state = optimizer.state[value]
            after = {"p": value, "m": state["exp_avg"], "v": state["exp_avg_sq"], "ema": ema[i],
                     "ema_lerp": lerp[i]}
            tensors |= {f"{kind}/{step}/{key}": tensor.detach().clone() for kind, tensor in after.items()}
    metadata = {"lr": lr, "weight_decay": decay, "ema_decay": ema_decay, "beta1": 0.9, "beta2": 0.999,
                "eps": 1e-8, "max_norm": 1.0, "steps": STEPS}
    return tensors, metadata


if __name__ == "__main__":
    main()
