"""Caffe's files, a network's description (prototxt) and its weights (caffemodel), run by OpenCV.

Caffe itself has no builds for Pythons of today; `examples/bvlc_caffe` serves it on an old one. OpenCV answers the same
to 1e-6 for the layers it has, and names the layer it has not.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

WEIGHTS_SUFFIX = ".caffemodel"

_COMMENT = re.compile(r"#[^\n]*")
_INPUT_SHAPE = re.compile(r"(?:input_shape|shape)\s*:?\s*\{((?:\s*dim\s*:\s*\d+)+)\s*\}")
_INPUT_DIM = re.compile(r"\binput_dim\s*:\s*(\d+)")
_DIM = re.compile(r"dim\s*:\s*(\d+)")


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The network's last layer. Raises INVALID_ARGUMENT if there are no weights, what OpenCV raises for other files."""
    import cv2

    cv2.setNumThreads(manifest.threads)
    description = folder / manifest.entry
    weights = sorted(description.parent.glob(f"*{WEIGHTS_SUFFIX}"))
    if len(weights) != 1:
        raise invalid(f"Beside {manifest.entry} there are {len(weights)} files *{WEIGHTS_SUFFIX}; expected the weights")
    network = cv2.dnn.readNetFromCaffe(str(description), str(weights[0]))
    choose = answers(manifest.output, manifest.classes)

    def predict(inputs: Any) -> Any:
        network.setInput(np.ascontiguousarray(inputs, np.float32))
        outputs = network.forward()
        return choose(outputs.reshape(len(outputs), -1) if outputs.size == len(inputs) * outputs.shape[1] else outputs)

    return LoadedModel(predict, example, input_shape(description.read_text()), network)


def input_shape(description: str) -> tuple[int, ...]:
    """The dimensions of one input, from any of the three ways to say it; empty if it is said in none of them."""
    text = _COMMENT.sub("", description)
    found = _INPUT_SHAPE.search(text)
    dimensions = _DIM.findall(found.group(1)) if found else _INPUT_DIM.findall(text)[:4]
    return tuple(int(each) for each in dimensions[1:])
