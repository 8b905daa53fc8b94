"""How the model in a bundle becomes a function over a batch: one small module per framework, in one table.

A loader imports its framework when it is called, so that a container loads nothing its model does not need. To add a
framework, write `load` in a module of its own and name it here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from clipper.container.bundle import Manifest
from clipper.core.errors import invalid
from clipper.core.inputs import Input


@dataclass(frozen=True)
class LoadedModel:
    """What a loader gives.

    Attributes:
        predict_batch: from a batch of inputs (see `container.inputs`) to a sequence of as many outputs.
        example: one input the model must be able to answer, or None if nobody knows one.
    """

    predict_batch: Callable[[Any], Any]
    example: Input | None


class Loader(Protocol):
    """The shape of each module in the table."""

    def load(self, folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
        """The model in the bundle `folder`. Raises what the model's own code raises, or INVALID_ARGUMENT."""


LOADERS = {
    "python": "clipper.container.loaders.python",
    "sklearn": "clipper.container.loaders.sklearn",
}
"""The module that loads models of each framework."""


def loader_for(framework: str) -> Loader:
    """Raises INVALID_ARGUMENT for a framework that is not in the table."""
    if framework not in LOADERS:
        raise invalid(f"Invalid framework {framework[:80]!r}: expected one of {', '.join(LOADERS)}")
    return cast(Loader, import_module(LOADERS[framework]))
