"""Writes a network of two layers as an ONNX file: python train.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES, HIDDEN, CLASSES = 784, 128, 10


def train() -> onnx.ModelProto:
    """A network with random weights: what is shown is how it is served, not what it knows."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.normal(0, 0.05, (FEATURES, HIDDEN)).astype(np.float32),
        "second": random.normal(0, 0.05, (HIDDEN, CLASSES)).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["image", "first"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "second"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", FEATURES])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def main(folder: Path) -> None:
    onnx.save(train(), folder / "network.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
