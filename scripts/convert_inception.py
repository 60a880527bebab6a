#!/usr/bin/env python3
"""Converts the weights of TensorFlow's Inception graph of 2015 for `maskalign evaluate --inception`.

    python3 scripts/convert_inception.py classify_image_graph_def.pb inception-2015.safetensors

The graph is the one in http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz, which ADM's evaluator
uses too. Needs NumPy alone: the graph is read as data and nothing in it is executed. The result has the names of
pytorch-fid's file pt_inception-2015-12-05-6726825d.pth, which can be used as it is and needs no conversion.

Exit code 0 when every one of the 94 convolutions and the classifier was found with its shape, 2 otherwise.
"""

import json
import struct
import sys

import numpy as np

EPSILON = 0.001
MIXED_5 = {
    "branch1x1": "conv",
    "branch5x5_1": "tower/conv",
    "branch5x5_2": "tower/conv_1",
    "branch3x3dbl_1": "tower_1/conv",
    "branch3x3dbl_2": "tower_1/conv_1",
    "branch3x3dbl_3": "tower_1/conv_2",
    "branch_pool": "tower_2/conv",
}
MIXED_6A = {"branch3x3": "conv"} | {f"branch3x3dbl_{i + 1}": f"tower/conv{s}" for i, s in enumerate(["", "_1", "_2"])}
MIXED_6 = (
    {"branch1x1": "conv", "branch_pool": "tower_2/conv"}
    | {f"branch7x7_{i + 1}": f"tower/conv{s}" for i, s in enumerate(["", "_1", "_2"])}
    | {f"branch7x7dbl_{i + 1}": f"tower_1/conv{s}" for i, s in enumerate(["", "_1", "_2", "_3", "_4"])}
)
MIXED_7A = {"branch3x3_1": "tower/conv", "branch3x3_2": "tower/conv_1"} | {
    f"branch7x7x3_{i + 1}": f"tower_1/conv{s}" for i, s in enumerate(["", "_1", "_2", "_3"])
}
MIXED_7 = {
    "branch1x1": "conv",
    "branch3x3_1": "tower/conv",
    "branch3x3_2a": "tower/mixed/conv",
    "branch3x3_2b": "tower/mixed/conv_1",
    "branch3x3dbl_1": "tower_1/conv",
    "branch3x3dbl_2": "tower_1/conv_1",
    "branch3x3dbl_3a": "tower_1/mixed/conv",
    "branch3x3dbl_3b": "tower_1/mixed/conv_1",
    "branch_pool": "tower_2/conv",
}
UNITS = [
    ("Mixed_5b", "mixed", MIXED_5),
    ("Mixed_5c", "mixed_1", MIXED_5),
    ("Mixed_5d", "mixed_2", MIXED_5),
    ("Mixed_6a", "mixed_3", MIXED_6A),
    ("Mixed_6b", "mixed_4", MIXED_6),
    ("Mixed_6c", "mixed_5", MIXED_6),
    ("Mixed_6d", "mixed_6", MIXED_6),
    ("Mixed_6e", "mixed_7", MIXED_6),
    ("Mixed_7a", "mixed_8", MIXED_7A),
    ("Mixed_7b", "mixed_9", MIXED_7),
    ("Mixed_7c", "mixed_10", MIXED_7),
]
STEM = {
    "Conv2d_1a_3x3": "conv",
    "Conv2d_2a_3x3": "conv_1",
    "Conv2d_2b_3x3": "conv_2",
    "Conv2d_3b_1x1": "conv_3",
    "Conv2d_4a_3x3": "conv_4",
}


def scopes():
    """Our name of each convolution and its scope in the graph."""
    return STEM | {f"{ours}.{branch}": f"{theirs}/{scope}" for ours, theirs, unit in UNITS for branch, scope in unit.items()}


class GraphError(Exception):
    """The file is not the graph; the message says why."""


def fields(data):
    """Number, wire type and value of each field of a protocol buffer message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at : at + 8], at + 8
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind == 5:
            value, at = data[at : at + 4], at + 4
        else:
            raise GraphError(f"wire type {kind} is none of a graph")
        if at > len(data):
            raise GraphError("the file ends within a field")
        yield key >> 3, kind, value


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise GraphError("the file ends within a number")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


class Node:
    """One operation: op, names of its inputs, attributes still packed."""

    def __init__(self, data):
        self.name, self.op, self.inputs, self.attributes = "", "", [], {}
        for number, _, value in fields(data):
            if number == 1:
                self.name = bytes(value).decode()
            elif number == 2:
                self.op = bytes(value).decode()
            elif number == 3:
                self.inputs.append(bytes(value).decode())
            elif number == 5:
                entry = {n: v for n, _, v in fields(value)}
                self.attributes[bytes(entry[1]).decode()] = entry.get(2, b"")

    def attribute(self, name, number, default):
        for found, _, value in fields(self.attributes.get(name, b"")):
            if found == number:
                return value
        return default

    def tensor(self):
        """The float32 value of a Const."""
        kind, shape, content, singles = None, [], b"", []
        for number, wire, value in fields(self.attribute("value", 8, b"")):
            if number == 1:
                kind = value
            elif number == 2:
                sizes = [dim for n, _, dim in fields(value) if n == 2]
                shape = [next((v for n, _, v in fields(dim) if n == 1), 0) for dim in sizes]
            elif number == 4:
                content = value
            elif number == 5:
                singles.append(bytes(value))
        if kind != 1:
            raise GraphError(f"{self.name} must be float32 but has type {kind}")
        values = np.frombuffer(content if content else b"".join(singles), "<f4")
        size = int(np.prod(shape))
        if values.size == 1 and size > 1:  # one number stands for all
            values = np.full(size, values[0])
        if values.size != size:
            raise GraphError(f"{self.name} has {values.size} numbers for the shape {shape}")
        return values.reshape(shape)


def read_graph(data):
    nodes = {}
    for number, kind, value in fields(memoryview(data)):
        if number == 1 and kind == 2:
            node = Node(value)
            nodes[node.name] = node
    if not nodes:
        raise GraphError("the file holds no operations")
    return nodes


def constant(nodes, name):
    """The value of an input, through operations that pass it on."""
    for _ in range(10):
        name = name.lstrip("^").split(":")[0]
        if name not in nodes:
            raise GraphError(f"there is no {name}")
        node = nodes[name]
        if node.op == "Const":
            return node.tensor()
        if node.op not in ("Identity", "CheckNumerics"):
            raise GraphError(f"{name} must be a constant but is {node.op}")
        name = node.inputs[0]
    raise GraphError(f"{name} leads nowhere")


def batch_norm(nodes, scope):
    """Mean, variance, beta and gamma; gamma is 1 where the operation leaves it out."""
    node = nodes.get(f"{scope}/batchnorm")
    if node is None or node.op != "BatchNormWithGlobalNormalization":
        raise GraphError(f"{scope}/batchnorm must be a BatchNormWithGlobalNormalization")
    _, mean, variance, beta, gamma = (constant(nodes, name) if i else None for i, name in enumerate(node.inputs[:5]))
    epsilon = struct.unpack("<f", node.attribute("variance_epsilon", 4, b"\0\0\0\0"))[0]
    if abs(epsilon / EPSILON - 1) > 1e-5:
        raise GraphError(f"{scope}/batchnorm must have the epsilon {EPSILON} but has {epsilon}")
    scaled = bool(node.attribute("scale_after_normalization", 5, 0))
    return mean, variance, beta, gamma if scaled else np.ones_like(gamma)


def convert(nodes):
    tensors, problems = {}, []
    for ours, scope in scopes().items():
        try:
            convolution = nodes.get(f"{scope}/Conv2D")
            if convolution is None:
                raise GraphError(f"there is no {scope}/Conv2D")
            kernel = constant(nodes, convolution.inputs[1])  # (height, width, in, out)
            mean, variance, beta, gamma = batch_norm(nodes, scope)
            tensors[f"{ours}.conv.weight"] = kernel.transpose(3, 2, 0, 1)
            tensors[f"{ours}.bn.weight"] = gamma
            tensors[f"{ours}.bn.bias"] = beta
            tensors[f"{ours}.bn.running_mean"] = mean
            tensors[f"{ours}.bn.running_var"] = variance
        except GraphError as e:
            problems.append(str(e))
    try:
        product = nodes.get("softmax/logits/MatMul")
        weights = constant(nodes, product.inputs[1] if product else "softmax/weights")  # (2048, 1008)
        tensors["fc.weight"] = weights.T
        tensors["fc.bias"] = constant(nodes, "softmax/biases")
    except GraphError as e:
        problems.append(str(e))
    if problems:
        raise GraphError("\n  ".join(["this is not the Inception graph of 2015:", *problems[:20]]))
    return tensors


def write_safetensors(path, tensors, metadata):
    header, offset, order = {"__metadata__": metadata}, 0, sorted(tensors)
    for name in order:
        size = tensors[name].size * 4
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(np.ascontiguousarray(tensors[name], "<f4").tobytes())


def main(arguments):
    if len(arguments) != 2 or arguments[0] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        return 2
    source, target = arguments
    try:
        with open(source, "rb") as file:
            tensors = convert(read_graph(file.read()))
    except (OSError, GraphError, UnicodeDecodeError) as e:
        print(f"error: {source}: {e}", file=sys.stderr)
        return 2
    write_safetensors(target, tensors, {"source": "TensorFlow graph inception-2015-12-05", "layout": "pytorch-fid"})
    numbers = sum(t.size for t in tensors.values())
    print(f"{target}: {len(tensors)} tensors, {numbers:,} numbers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
