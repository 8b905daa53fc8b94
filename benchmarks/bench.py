"""What every case of a suite is given: how long to measure, and where the data is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.layer.digits import Digits, load

Tell = Callable[[str], None]


@dataclass
class Bench:
    """One run. `folder` is for files and goes with it; `cache` holds environments and stays."""

    seconds: float  # of one measurement
    rounds: int
    quick: bool
    data: Path | None
    folder: Path
    cache: Path
    tell: Tell

    @cached_property
    def digits(self) -> Digits:
        """MNIST if it is in the data folder, else scikit-learn's digits."""
        return load(self.data)

    def file(self, name: str) -> Path | None:
        """A file of the data folder, if it is there."""
        path = None if self.data is None else self.data / name
        return path if path is not None and path.exists() else None
