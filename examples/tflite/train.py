"""Converts a small Keras network for TensorFlow Lite, in floats and in bytes: python train.py FOLDER."""

import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from examples.tensorflow.train import FEATURES, train


def convert(network: keras.Model) -> bytes:
    content: bytes = tf.lite.TFLiteConverter.from_keras_model(network).convert()
    return content


def quantise(network: keras.Model) -> bytes:
    """With bytes for weights and activations, whose ranges are taken from some inputs."""
    inputs = np.random.default_rng(2).random((100, 1, FEATURES), np.float32)

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for each in inputs:
            yield [each]

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def main(folder: Path) -> None:
    network = train()
    (folder / "floats.tflite").write_bytes(convert(network))
    (folder / "bytes.tflite").write_bytes(quantise(network))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
