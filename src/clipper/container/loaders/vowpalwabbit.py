"""Vowpal Wabbit: a line of its text format for each input, or numbers, which become features by their place."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.inputs import Input


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """What `vw -t` prints for each line; its own options, saved in the model, say whether that is a class or a number.

    Raises what Vowpal Wabbit raises for a file that is none.
    """
    import vowpalwabbit

    workspace = vowpalwabbit.Workspace(arg_list=["--initial_regressor", str(folder / manifest.entry), "-t", "--quiet"])

    def predict(inputs: Any) -> Any:
        return [workspace.predict(each if isinstance(each, str) else line_of(each)) for each in inputs]

    return LoadedModel(predict, example, native=workspace)


def line_of(numbers: NDArray[Any]) -> str:
    """`| 0:0.5 1:2.0 …`: the text of an input that is an array. Zeros count as absent, as they do in that format."""
    return "| " + " ".join(f"{place}:{value!r}" for place, value in enumerate(numbers.ravel().tolist()) if value)
