"""MXNet: a network's symbol (JSON) and its parameters, as Gluon's `export` and, before it, `save_checkpoint` wrote."""

from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

PARAMETERS_SUFFIX = ".params"

_LABEL_SUFFIX = "_label"
"""Of inputs that only training looks at: networks of before Gluon end in their loss."""


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """What the network makes of its one input.

    Raises INVALID_ARGUMENT for files that are no network with its parameters, or a network of several inputs.
    """
    import mxnet

    mxnet.base.check_call(mxnet.base._LIB.MXSetNumOMPThreads(manifest.threads))
    try:
        network, labels, dtype = _read(folder / manifest.entry)
    except mxnet.MXNetError as error:
        why = str(error).strip().rpartition("\n")[2]  # of a traceback
        raise invalid(f"{manifest.entry} and the parameters beside it are no network for MXNet: {why}") from error
    choose = answers(manifest.output, manifest.classes)

    def predict(inputs: Any) -> Any:
        unseen = [mxnet.nd.zeros(len(inputs)) for _ in range(labels)]
        outputs = network(mxnet.nd.array(inputs, dtype=dtype), *unseen)
        return choose(tuple(each.asnumpy() for each in outputs) if isinstance(outputs, list) else outputs.asnumpy())

    return LoadedModel(predict, example, native=network)


def _read(description: Path) -> tuple[Any, int, Any]:
    """The network, how many labels it takes behind its data, and the type of its parameters."""
    import mxnet

    found = sorted(description.parent.glob(f"*{PARAMETERS_SUFFIX}"))
    if len(found) != 1:
        raise invalid(f"Beside {description.name} there are {len(found)} files *{PARAMETERS_SUFFIX}; expected one")
    parameters = str(found[0])
    values = {name.partition(":")[2]: value for name, value in mxnet.nd.load(parameters).items()}
    inputs = [name for name in mxnet.sym.load(str(description)).list_inputs() if name not in values]
    labels = [name for name in inputs if name.endswith(_LABEL_SUFFIX)]
    data = [name for name in inputs if name not in labels]
    if len(data) != 1:
        raise invalid(f"The network takes {', '.join(data) or 'nothing'}, expected one array: the batch")
    network = mxnet.gluon.SymbolBlock.imports(str(description), [*data, *labels], parameters)
    network.hybridize(static_alloc=True)
    return network, len(labels), next((value.dtype for value in values.values()), np.float32)
