"""Writes a network in Caffe's two files, prototxt and caffemodel, without Caffe: python train.py FOLDER.

The weights are a protocol buffer; the few fields that matter are written by hand (those of caffe.proto).
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FEATURES, HIDDEN, CLASSES = 64, 32, 10

PROTOTXT = f"""name: "network"
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: {FEATURES} }} }} }}
layer {{ name: "fc1" type: "InnerProduct" bottom: "data" top: "fc1" inner_product_param {{ num_output: {HIDDEN} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "fc1" top: "fc1" }}
layer {{ name: "fc2" type: "InnerProduct" bottom: "fc1" top: "fc2" inner_product_param {{ num_output: {CLASSES} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }}
"""

Weights = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


def train() -> Weights:
    """Random weights: what is shown is how a network is served, not what it knows."""
    random = np.random.default_rng(0)
    return {
        "fc1": (random.normal(size=(HIDDEN, FEATURES)).astype("<f4"), random.normal(size=HIDDEN).astype("<f4")),
        "fc2": (random.normal(size=(CLASSES, HIDDEN)).astype("<f4"), random.normal(size=CLASSES).astype("<f4")),
    }


def caffemodel(weights: Weights) -> bytes:
    layers = [
        field(
            100, field(1, name.encode()) + field(2, b"InnerProduct") + b"".join(field(7, blob(each)) for each in both)
        )
        for name, both in weights.items()
    ]
    return field(1, b"network") + b"".join(layers)


def blob(array: NDArray[np.float32]) -> bytes:
    return field(7, field(1, b"".join(varint(size) for size in array.shape))) + field(5, array.tobytes())


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def main(folder: Path) -> None:
    (folder / "network.prototxt").write_text(PROTOTXT)
    (folder / "network.caffemodel").write_bytes(caffemodel(train()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
