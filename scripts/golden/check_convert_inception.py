"""Tests scripts/convert_inception.py on a graph that TensorFlow itself writes and computes; run by hand.

The real graph is not at hand, so this builds one with its operation names and kinds and hashed_weights.py's numbers, converts
it, and compares the features of TensorFlow with those of torch-fidelity's class on the converted file.
    python3 scripts/golden/check_convert_inception.py        (needs tensorflow-cpu, torch, torch-fidelity, safetensors)
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import convert_inception  # noqa: E402

IN_TENSORFLOW = sys.argv[1:2] == ["--tensorflow"]  # a process of its own: the two frameworks do not share one well
if IN_TENSORFLOW:
    import tensorflow as tf

    v1 = tf.compat.v1


class Builder:
    """The network as the graph has it, under its names."""

    def __init__(self, state):
        self.state = state
        self.norms = {}
        self.ours = {scope: name for name, scope in convert_inception.scopes().items()}

    def constant(self, name, values):
        return v1.constant(values, name=name)

    def conv(self, x, scope, stride=1, padding="SAME"):
        name = self.ours[scope]
        kernel = self.constant(f"{scope}/conv2d_params", self.state[f"{name}.conv.weight"].transpose(2, 3, 1, 0))
        y = v1.nn.conv2d(x, kernel, [1, stride, stride, 1], padding, name=f"{scope}/Conv2D")
        parts = [
            self.constant(f"{scope}/batchnorm/{theirs}", self.state[f"{name}.bn.{ours}"])
            for theirs, ours in [("moving_mean", "running_mean"), ("moving_variance", "running_var"), ("beta", "bias"), ("gamma", "weight")]
        ]
        mean, variance, beta, gamma = parts
        self.norms[f"{scope}/batchnorm"] = [part.op.name for part in (y, *parts)]
        y = tf.nn.batch_normalization(y, mean, variance, beta, gamma, 0.001)
        return tf.nn.relu(y, name=scope)

    def chain(self, x, *steps):
        for scope in steps:
            x = self.conv(x, scope)
        return x

    def network(self, x):
        x = tf.raw_ops.ResizeBilinear(images=x, size=[299, 299], align_corners=False, half_pixel_centers=False)
        x = (x - 128.0) * 0.0078125
        x = self.conv(x, "conv", 2, "VALID")
        x = self.conv(x, "conv_1", 1, "VALID")
        x = self.conv(x, "conv_2")
        x = v1.nn.max_pool2d(x, 3, 2, "VALID")
        x = self.conv(x, "conv_3", 1, "VALID")
        x = self.conv(x, "conv_4", 1, "VALID")
        x = v1.nn.max_pool2d(x, 3, 2, "VALID")
        for m in ("mixed", "mixed_1", "mixed_2"):
            pool = self.conv(v1.nn.avg_pool2d(x, 3, 1, "SAME"), f"{m}/tower_2/conv")
            x = tf.concat([
                self.conv(x, f"{m}/conv"),
                self.chain(x, f"{m}/tower/conv", f"{m}/tower/conv_1"),
                self.chain(x, f"{m}/tower_1/conv", f"{m}/tower_1/conv_1", f"{m}/tower_1/conv_2"),
                pool], 3)
        deep = self.conv(self.chain(x, "mixed_3/tower/conv", "mixed_3/tower/conv_1"), "mixed_3/tower/conv_2", 2, "VALID")
        x = tf.concat([self.conv(x, "mixed_3/conv", 2, "VALID"), deep, v1.nn.max_pool2d(x, 3, 2, "VALID")], 3)
        for m in ("mixed_4", "mixed_5", "mixed_6", "mixed_7"):
            pool = self.conv(v1.nn.avg_pool2d(x, 3, 1, "SAME"), f"{m}/tower_2/conv")
            first = self.conv(x, f"{m}/conv")
            if m == "mixed_6":
                spatial = first[..., :7]
            x = tf.concat([
                first,
                self.chain(x, *(f"{m}/tower/conv{s}" for s in ("", "_1", "_2"))),
                self.chain(x, *(f"{m}/tower_1/conv{s}" for s in ("", "_1", "_2", "_3", "_4"))),
                pool], 3)
        a = self.conv(self.conv(x, "mixed_8/tower/conv"), "mixed_8/tower/conv_1", 2, "VALID")
        b = self.chain(x, "mixed_8/tower_1/conv", "mixed_8/tower_1/conv_1", "mixed_8/tower_1/conv_2")
        b = self.conv(b, "mixed_8/tower_1/conv_3", 2, "VALID")
        x = tf.concat([a, b, v1.nn.max_pool2d(x, 3, 2, "VALID")], 3)
        for m, pool in (("mixed_9", v1.nn.avg_pool2d), ("mixed_10", v1.nn.max_pool2d)):
            b = self.conv(x, f"{m}/tower/conv")
            c = self.chain(x, f"{m}/tower_1/conv", f"{m}/tower_1/conv_1")
            x = tf.concat([
                self.conv(x, f"{m}/conv"),
                self.conv(b, f"{m}/tower/mixed/conv"),
                self.conv(b, f"{m}/tower/mixed/conv_1"),
                self.conv(c, f"{m}/tower_1/mixed/conv"),
                self.conv(c, f"{m}/tower_1/mixed/conv_1"),
                self.conv(pool(x, 3, 1, "SAME"), f"{m}/tower_2/conv")], 3)
        pooled = v1.nn.avg_pool2d(x, 8, 1, "VALID", name="pool_3")[:, 0, 0]
        weights = self.constant("softmax/weights", self.state["fc.weight"].T)
        self.constant("softmax/biases", self.state["fc.bias"])
        logits = tf.matmul(pooled, weights, name="softmax/logits/MatMul")
        return pooled, tf.reshape(spatial, [tf.shape(spatial)[0], -1]), logits


def tensorflow_part(folder):
    """Writes the graph, and what TensorFlow makes of the pictures."""
    given = dict(np.load(folder / "given.npz"))
    graph = tf.Graph()
    with graph.as_default():
        images = given.pop("images").transpose(0, 2, 3, 1).astype(np.float32)
        builder = Builder(given)
        outputs = builder.network(v1.constant(images, name="ExpandDims"))
        with v1.Session(graph=graph) as session:
            np.savez(folder / "features.npz", *session.run(outputs))
    written = graph.as_graph_def()
    for name, inputs in builder.norms.items():  # the operation of 2015, which TensorFlow no longer computes
        node = written.node.add(name=name, op="BatchNormWithGlobalNormalization", input=inputs)
        node.attr["variance_epsilon"].f = 0.001
        node.attr["scale_after_normalization"].b = True
    (folder / "graph.pb").write_bytes(written.SerializeToString())


def check(folder):
    import torch
    from safetensors.numpy import load_file

    import inception_cases

    state = inception_cases.fidelity_state()
    numbers = {name: value.numpy() for name, value in state.items() if not name.endswith("num_batches_tracked")}
    images = np.random.Generator(np.random.PCG64(5)).integers(0, 256, (2, 3, 57, 83), dtype=np.uint8)
    np.savez(folder / "given.npz", images=images, **numbers)
    subprocess.run([sys.executable, __file__, "--tensorflow", folder], check=True)

    source, target, damaged = folder / "graph.pb", folder / "out.safetensors", folder / "damaged.pb"
    script = [sys.executable, str(ROOT / "scripts/convert_inception.py")]
    subprocess.run([*script, source, target], check=True)
    converted = load_file(target)
    assert set(converted) == set(numbers)
    for name, values in converted.items():
        assert np.array_equal(values, numbers[name]), name
    for cut in (0, 1000, source.stat().st_size // 2):
        damaged.write_bytes(source.read_bytes()[:cut])
        run = subprocess.run([*script, damaged, folder / "none"], capture_output=True, text=True)
        assert run.returncode == 2 and "error:" in run.stderr and "Traceback" not in run.stderr, run.stderr

    theirs = np.load(folder / "features.npz")
    with torch.inference_mode():
        ours = inception_cases.fidelity_network(state)(torch.from_numpy(images))
    for i, (tap, b) in enumerate(zip(("pooled", "spatial", "logits"), ours)):
        error = np.linalg.norm(theirs[f"arr_{i}"] - b.numpy()) / np.linalg.norm(b.numpy())
        print(f"{tap}: TensorFlow and torch-fidelity differ by {error:.1e}")
        assert error < 1e-4


if __name__ == "__main__":
    if IN_TENSORFLOW:
        tensorflow_part(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            check(Path(scratch))
