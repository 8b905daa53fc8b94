"""MLflow's model folders, whatever flavour they are of, by MLflow's own `pyfunc`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import Input

_OPEN = -1


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """What the folder's `predict` answers. Inputs become what its signature wants: tensors, or rows of a data frame.

    Raises INVALID_ARGUMENT for output "scores", which `pyfunc` has no name for, else what MLflow raises.
    """
    import mlflow.pyfunc

    if manifest.output == "scores":
        raise invalid(
            "Invalid output 'scores': an MLflow model has one function; save it with "
            "pyfunc_predict_fn='predict_proba' for those of scikit-learn"
        )
    model = mlflow.pyfunc.load_model(str(folder / manifest.entry))
    schema = model.metadata.get_input_schema()
    prepare, shape = _tensors(schema) if schema is None or schema.is_tensor_spec() else _frames(schema)

    def predict(inputs: Any) -> Any:
        return _plain(model.predict(prepare(inputs)))

    return LoadedModel(predict, example, shape, model)


def _tensors(schema: Any) -> tuple[Callable[[Any], Any], tuple[int, ...]]:
    """Inputs as one tensor, of the signature's type if there is one."""
    if schema is None:
        return _as_they_are, ()
    if len(schema.inputs) != 1:
        raise invalid(f"The MLflow model takes {len(schema.inputs)} tensors, expected one")
    (tensor,) = schema.inputs
    shape = tuple(_OPEN if size < 0 else size for size in tensor.shape[1:])
    if tensor.type.kind not in "iufb":
        return np.array, ()
    return lambda inputs: np.asarray(inputs, tensor.type), shape


def _as_they_are(inputs: Any) -> Any:
    return inputs


def _frames(schema: Any) -> tuple[Callable[[Any], Any], tuple[int, ...]]:
    """Inputs as rows of a data frame with the signature's columns; texts as its only one."""
    import pandas as pd

    columns = {
        name if name is not None else place: kind.to_pandas()
        for place, (name, kind) in enumerate(zip(schema.input_names() or [None], schema.input_types(), strict=False))
    }

    def frame(inputs: Any) -> Any:
        rows = inputs if isinstance(inputs, np.ndarray) else [[each] for each in inputs]
        return pd.DataFrame(rows, columns=list(columns)).astype(columns)

    return frame, (len(columns),)


def _plain(outputs: Any) -> Any:
    """Of a data frame its only column, else an object for each row."""
    if not hasattr(outputs, "to_dict") or not hasattr(outputs, "columns"):
        return outputs
    return outputs.iloc[:, 0].to_numpy() if len(outputs.columns) == 1 else outputs.to_dict("records")
