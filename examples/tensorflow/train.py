"""Trains a small network with Keras and saves it as a SavedModel and as a .keras file: python train.py FOLDER."""

import sys
from pathlib import Path

import keras
import numpy as np

FEATURES, CLASSES = 64, 10


def train(epochs: int = 5) -> keras.Model:
    """A network that names the largest of the first ten numbers of its input."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dense(CLASSES, "softmax"),
        ]
    )
    network.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    inputs = np.random.default_rng(0).random((1000, FEATURES), np.float32)
    network.fit(inputs, inputs[:, :CLASSES].argmax(axis=1), epochs=epochs, verbose=0)
    return network


def main(folder: Path) -> None:
    network = train()
    network.save(folder / "digits.keras")
    network.export(str(folder / "saved_model"), verbose=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
