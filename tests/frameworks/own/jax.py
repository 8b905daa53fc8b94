"""JAX's own answers: run with FOLDER HOME; deploys a live jitted function at HOME."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from clipper.client import connect
from examples.jax import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    train.main(folder)
    network = train.train()
    inputs = np.random.default_rng(1).random((INPUTS, train.FEATURES), np.float32)
    scores = np.asarray(network(jnp.asarray(inputs)))
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "scores.npy", scores)
    np.save(folder / "labels.npy", scores.argmax(axis=1))
    eight = export.export(network)(jax.ShapeDtypeStruct((8, train.FEATURES), jnp.float32))
    (folder / "eight.jaxexp").write_bytes(eight.serialize())
    with connect(home) as clipper:
        clipper.deploy_model(
            "jax-live", 1, network, example=inputs[0], requirements=requirements_of("jax"), output="scores"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
