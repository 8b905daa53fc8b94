"""Trains a small network with JAX and saves what `jax.export` makes of it: python train.py FOLDER."""

import sys
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import export

FEATURES, CLASSES = 64, 10


def train(steps: int = 200) -> Callable[[jax.Array], jax.Array]:
    """A jitted function that names the largest of the first ten numbers of its input."""
    keys = jax.random.split(jax.random.key(0), 3)
    inputs = jax.random.uniform(keys[0], (1000, FEATURES))
    labels = inputs[:, :CLASSES].argmax(axis=1)
    weights = [jax.random.normal(keys[1], (FEATURES, 128)) * 0.1, jax.random.normal(keys[2], (128, CLASSES)) * 0.1]

    def logits(weights: list[jax.Array], batch: jax.Array) -> jax.Array:
        return jax.nn.relu(batch @ weights[0]) @ weights[1]

    def loss(weights: list[jax.Array]) -> jax.Array:
        return -jax.nn.log_softmax(logits(weights, inputs))[jnp.arange(len(labels)), labels].mean()

    gradient = jax.jit(jax.grad(loss))
    for _ in range(steps):
        weights = [each - 0.5 * slope for each, slope in zip(weights, gradient(weights), strict=True)]
    network: Callable[[jax.Array], jax.Array] = jax.jit(lambda batch: jax.nn.softmax(logits(weights, batch)))
    return network


def main(folder: Path) -> None:
    batch = jax.ShapeDtypeStruct((*export.symbolic_shape("batch"), FEATURES), jnp.float32)
    (folder / "digits.jaxexp").write_bytes(export.export(train())(batch).serialize())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
