"""A small convolutional network as an ONNX graph. Its filters are random and fixed, its last layer is fitted.

Runs in an environment of its own: `python -m benchmarks.layer.convnet IMAGES.npz GRAPH.onnx`.
"""

import sys
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHANNELS = (16, 32)
FEATURES = CHANNELS[1] * 4 * 4  # 28 -> 24 -> 12 -> 8 -> 4 pixels a side
CLASSES = 10
RIDGE = 10.0
OPSET, IR_VERSION = 17, 10  # what runtimes of the last years read

Floats = NDArray[np.float32]


def _layers(rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    """Nodes and weights from the input `x` to the output `features`."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["pool0"])]
    weights = [numpy_helper.from_array(np.array([-1, 1, 28, 28]), "shape")]
    inputs = 1
    for number, channels in enumerate(CHANNELS, 1):
        scale = np.sqrt(2 / (inputs * 25))
        filters = rng.normal(0, scale, (channels, inputs, 5, 5)).astype(np.float32)
        weights.append(numpy_helper.from_array(filters, f"filters{number}"))
        nodes += [
            helper.make_node("Conv", [f"pool{number - 1}", f"filters{number}"], [f"sum{number}"], kernel_shape=[5, 5]),
            helper.make_node("Relu", [f"sum{number}"], [f"act{number}"]),
            helper.make_node("MaxPool", [f"act{number}"], [f"pool{number}"], kernel_shape=[2, 2], strides=[2, 2]),
        ]
        inputs = channels
    nodes.append(helper.make_node("Flatten", [f"pool{len(CHANNELS)}"], ["features"]))
    return nodes, weights


def _graph(nodes: list[Any], weights: list[Any], output: Any) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 784])
    graph = helper.make_graph(nodes, "convnet", [x], [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def build(images: Floats, labels: NDArray[np.int64]) -> bytes:
    """The graph: float32 images [n, 784] named `x` in, int64 labels [n] out."""
    nodes, weights = _layers(np.random.default_rng(0))
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES])
    session = onnxruntime.InferenceSession(_graph(nodes, weights, features), providers=["CPUExecutionProvider"])
    seen = np.concatenate([session.run(None, {"x": part})[0] for part in np.array_split(images, 10)]).astype(np.float64)
    wanted = np.where(labels[:, None] == np.arange(CLASSES), 1.0, -1.0)
    readout = np.linalg.solve(seen.T @ seen + RIDGE * np.eye(FEATURES), seen.T @ wanted).astype(np.float32)
    weights.append(numpy_helper.from_array(readout, "readout"))
    nodes += [
        helper.make_node("MatMul", ["features", "readout"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    return _graph(nodes, weights, helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]))


if __name__ == "__main__":
    from pathlib import Path

    with np.load(sys.argv[1]) as file:
        Path(sys.argv[2]).write_bytes(build(file["images"], file["labels"]))
