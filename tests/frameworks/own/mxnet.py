"""MXNet's own answers: run with FOLDER HOME; deploys a live block on the server at HOME."""

import sys
from pathlib import Path

import numpy as np

from clipper.client import connect
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    sys.modules["onnx"] = None  # type: ignore[assignment]  # MXNet would take the tests' own, made for another NumPy
    import mxnet as mx

    from examples.mxnet import train

    network = train.train()
    network.export(str(folder / "gluon"))
    module = train.train_module()
    module.save_checkpoint(str(folder / "module"), train.EPOCHS)
    inputs = np.random.default_rng(1).random((INPUTS, train.FEATURES), np.float32)
    scores = network(mx.nd.array(inputs)).asnumpy()
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "scores.npy", scores)
    np.save(folder / "labels.npy", scores.argmax(axis=1))
    np.save(folder / "module.npy", module.predict(mx.io.NDArrayIter(inputs, batch_size=train.BATCH)).asnumpy())
    with connect(home) as clipper:
        requirements = requirements_of("mxnet")
        clipper.deploy_model("mxnet-live", 1, network, example=inputs[0], requirements=requirements, output="scores")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
