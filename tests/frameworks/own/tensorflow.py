"""TensorFlow's own answers: run with FOLDER HOME; deploys a live Keras model at HOME."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from clipper.client import connect
from examples.tensorflow import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


@keras.saving.register_keras_serializable()
class Doubled(keras.layers.Layer):  # type: ignore[misc]
    """Code that the container has not got."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs * 2.0


class Lookup(tf.Module):  # type: ignore[misc]
    """A signature of texts."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]
    def lengths(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"length": tf.strings.length(texts), "upper": tf.strings.upper(texts)}


def main(folder: Path, home: Path) -> None:
    train.main(folder)
    network = keras.models.load_model(folder / "digits.keras")
    inputs = np.random.default_rng(1).random((INPUTS, train.FEATURES), np.float32)
    scores = network(inputs, training=False).numpy()
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "scores.npy", scores)
    np.save(folder / "labels.npy", scores.argmax(axis=1))
    lookup = Lookup()
    tf.saved_model.save(lookup, str(folder / "texts"), signatures=lookup.lengths)
    live = keras.Sequential([keras.Input((train.FEATURES,)), Doubled(), keras.layers.Dense(3)])
    np.save(folder / "live.npy", live(inputs).numpy())
    with connect(home) as clipper:
        clipper.deploy_model("tensorflow-live", 1, live, requirements=requirements_of("tensorflow"), output="scores")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
