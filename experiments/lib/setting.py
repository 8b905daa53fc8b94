"""What every experiment is given: how much of it to do, where data and environments are, and whom to tell."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from experiments.lib.data import Data

Tell = Callable[[str], None]
Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Setting:
    """One run. `folder` is for files and goes with it; `cache` holds environments and stays."""

    quick: bool
    data: Data
    folder: Path
    cache: Path
    tell: Tell

    def choose(self, full: Choice, quick: Choice) -> Choice:
        """How much of something."""
        return quick if self.quick else full
