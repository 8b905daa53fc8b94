"""Caffe's own answers: run with FOLDER, in its Python, which our package is too new for."""

import sys
from pathlib import Path

import caffe
import numpy as np

from examples.bvlc_caffe import train

INPUTS = 1000


def main(folder: Path) -> None:
    train.main(folder)
    random = np.random.RandomState(1)
    labels = random.randint(0, train.CLASSES, INPUTS)
    inputs = train.images(labels, random)
    network = caffe.Net(str(folder / "network.prototxt"), str(folder / "network.caffemodel"), caffe.TEST)
    network.blobs["data"].reshape(*inputs.shape)
    network.reshape()
    network.blobs["data"].data[...] = inputs
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "scores.npy", network.forward()["prob"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
