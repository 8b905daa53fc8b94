"""What TensorFlow's own interpreter answers: run with FOLDER HOME. Deploys nothing."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from examples.tensorflow.train import FEATURES
from examples.tflite import train
from tests.frameworks.bench import INPUTS


def answers(path: Path, inputs: NDArray[np.float32]) -> NDArray[Any]:
    """Row by row; of a quantised model what the integers stand for."""
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    ((given,), (found,)) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for row in inputs:
        scale, zero = given["quantization"]
        integers = np.clip(np.rint(row / (scale or 1)) + zero, -128, 127).astype(given["dtype"]) if scale else row
        interpreter.set_tensor(given["index"], integers[None])
        interpreter.invoke()
        scale, zero = found["quantization"]
        output = interpreter.get_tensor(found["index"])[0].astype(np.float32)
        rows.append((output - zero) * np.float32(scale) if scale else output)
    return np.array(rows)


def main(folder: Path) -> None:
    train.main(folder)
    inputs = np.random.default_rng(1).random((INPUTS, FEATURES), np.float32)
    np.save(folder / "inputs.npy", inputs)
    for name in ("floats", "bytes"):
        np.save(folder / f"{name}.npy", answers(folder / f"{name}.tflite", inputs))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
