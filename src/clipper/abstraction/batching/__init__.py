"""Batch controllers, by name."""

from clipper.abstraction.batching.aimd import Aimd
from clipper.abstraction.batching.controller import BatchController
from clipper.abstraction.batching.deadline import Deadline
from clipper.abstraction.batching.fixed import Fixed
from clipper.abstraction.batching.quantile import Quantile

__all__ = ["BatchController", "controller_named"]


def controller_named(name: str, batch_size: int, objective_s: float) -> BatchController:
    """A new controller: none, fixed (to `batch_size`), aimd, quantile or deadline. Raises ValueError otherwise."""
    match name:
        case "none":
            return Fixed(1)
        case "fixed":
            return Fixed(batch_size)
        case "aimd":
            return Aimd(objective_s)
        case "quantile":
            return Quantile(objective_s)
        case "deadline":
            return Deadline(objective_s)
        case _:
            raise ValueError(f"Unknown batching '{name}': expected none, fixed, aimd, quantile or deadline")
