"""Trains a small network with MXNet and exports it: python train.py FOLDER."""

import sys
from pathlib import Path

import mxnet as mx
from mxnet import autograd, gluon

FEATURES, CLASSES = 64, 10
EPOCHS, BATCH = 20, 64


def train(steps: int = 300) -> gluon.HybridBlock:
    """A network that scores which of the first ten numbers of its input is the largest."""
    mx.random.seed(0)
    network = gluon.nn.HybridSequential()
    network.add(gluon.nn.Dense(64, activation="relu"), gluon.nn.Dense(CLASSES))
    network.initialize(mx.init.Xavier())
    network.hybridize()
    trainer = gluon.Trainer(network.collect_params(), "adam", {"learning_rate": 0.01})
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    for _ in range(steps):
        inputs = mx.nd.random.uniform(shape=(BATCH, FEATURES))
        with autograd.record():
            loss = loss_of(network(inputs), inputs[:, :CLASSES].argmax(axis=1))
        loss.backward()
        trainer.step(len(inputs))
    return network


def train_module() -> mx.mod.Module:
    """The same task for a network as they were written before Gluon: a symbol that ends in its loss."""
    mx.random.seed(0)
    hidden = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=64), act_type="relu")
    symbol = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=CLASSES), name="softmax")
    inputs = mx.nd.random.uniform(shape=(2048, FEATURES))
    batches = mx.io.NDArrayIter(inputs, inputs[:, :CLASSES].argmax(axis=1), batch_size=BATCH)
    module = mx.mod.Module(symbol)
    module.fit(batches, num_epoch=EPOCHS, optimizer="adam", optimizer_params={"learning_rate": 0.01})
    return module


def main(folder: Path) -> None:
    train().export(str(folder / "gluon"))
    train_module().save_checkpoint(str(folder / "module"), EPOCHS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
