"""Trains a network with Caffe and makes a bundle of it, with Python 3.7 to 3.9: python train.py FOLDER."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("GLOG_minloglevel", "2")

import caffe
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "frameworks" / "bvlc_caffe.txt"
CONTAINER = ROOT / "containers" / "python-legacy" / "clipper_container.py"

SIZE, CLASSES, BATCH, STEPS = 28, 10, 64, 200

DATA = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: %d dim: 1 dim: 28 dim: 28 } } }'
LABELS = f'layer {{ name: "labels" type: "Input" top: "labels" input_param {{ shape {{ dim: {BATCH} }} }} }}'
LAYERS = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 8 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "pool" top: "pool" }
layer { name: "scores" type: "InnerProduct" bottom: "pool" top: "scores"
        inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
"""
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "scores" bottom: "labels" top: "loss" }'
ANSWER = 'layer { name: "prob" type: "Softmax" bottom: "scores" top: "prob" }'


def images(labels: Any, random: Any) -> Any:
    """Noise with a bar, whose place is the label."""
    drawn = random.rand(len(labels), 1, SIZE, SIZE).astype("f4") * 0.3
    for place, label in enumerate(labels):
        drawn[place, 0, 2 * label + 2 : 2 * label + 5, 4:24] += 0.7
    return drawn


def train(folder: Path) -> None:
    """Writes `network.prototxt` and `network.caffemodel`."""
    (folder / "train.prototxt").write_text("\n".join([DATA % BATCH, LABELS, LAYERS, LOSS]))
    (folder / "network.prototxt").write_text("\n".join([DATA % 1, LAYERS, ANSWER]))
    (folder / "solver.prototxt").write_text(
        f'net: "{folder}/train.prototxt" base_lr: 0.1 momentum: 0.9 lr_policy: "fixed" max_iter: {STEPS} '
        "solver_mode: CPU random_seed: 1"
    )
    caffe.set_mode_cpu()
    solver = caffe.SGDSolver(str(folder / "solver.prototxt"))
    random = np.random.RandomState(0)
    for _ in range(STEPS):
        labels = random.randint(0, CLASSES, BATCH)
        solver.net.blobs["data"].data[...] = images(labels, random)
        solver.net.blobs["labels"].data[...] = labels
        solver.step(1)
    solver.net.save(str(folder / "network.caffemodel"))


def manifest() -> dict[str, Any]:
    """What the bundle says of itself: its Python, what is installed for it, and how it is started."""
    lines = REQUIREMENTS.read_text().splitlines()
    return {
        "format": 1,
        "framework": "command",
        "command": ["python", CONTAINER.name, "model.py"],
        "entry": "network.caffemodel",
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "requirements": [line for line in lines if not line.startswith("#")],
        "input_type": "floats",
        "input_shape": [1, SIZE, SIZE],
        "output": "scores",
        "example": np.zeros((1, SIZE, SIZE)).tolist(),
    }


def main(folder: Path) -> None:
    folder = folder.resolve()
    train(folder)
    bundle = folder / "bundle"
    bundle.mkdir()
    for file in (
        folder / "network.prototxt",
        folder / "network.caffemodel",
        Path(__file__).with_name("model.py"),
        CONTAINER,
    ):
        shutil.copy(file, bundle)
    (bundle / "manifest.json").write_text(json.dumps(manifest()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
