"""The nouns of a benchmark: which model, how many connections, which inputs, and what was measured."""

from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Protocol

CONSTANT = 1.0  # what the no-op model answers
EXAMPLE = (0.5, -1.25, 2.0, 3.75, 1e-3, 1e6, -7.5, 0.125)  # the one input whose answer is checked

Settings = dict[str, int | float | bool]


class Served(Protocol):
    """What a system has to know of the model it is to serve."""

    @property
    def value(self) -> str:
        """Its name, or the file of a scikit-learn estimator."""

    @property
    def example(self) -> tuple[float, ...]:
        """The one input whose answer is checked."""

    def answer(self, row: tuple[float, ...]) -> float:
        """What it is to answer to the example."""


class Model(StrEnum):
    """The two models every system serves: both so cheap that the serving itself is what is measured."""

    NOOP = "noop"
    SUM = "sum"

    @property
    def example(self) -> tuple[float, ...]:
        return EXAMPLE

    def answer(self, row: tuple[float, ...]) -> float:
        return CONSTANT if self is Model.NOOP else sum(row)


@dataclass(frozen=True)
class Estimator:
    """A scikit-learn classifier with a joblib file, and what it says of an example."""

    value: str
    example: tuple[float, ...]
    label: float

    def answer(self, _row: tuple[float, ...]) -> float:
        return self.label


class Inputs(StrEnum):
    """Every request a new input (nothing can come from a cache), or one input for ever (all can)."""

    DIFFERENT = "different"
    SAME = "same"


@dataclass(frozen=True)
class Case:
    """One cell of the table, for one system."""

    model: Model
    connections: int
    inputs: Inputs = Inputs.DIFFERENT
    by_wrk: bool = False  # the load is wrk's, not the generator's

    def __str__(self) -> str:
        return f"{self.model}, {self.connections} connections, {self.inputs} inputs" + ", wrk" * self.by_wrk


@dataclass(frozen=True)
class RequestFormat:
    """How a system wants eight doubles: `prefix` + the doubles, comma separated + `suffix`, posted to `path`."""

    path: str
    prefix: str = '{"input": ['
    suffix: str = "]}"

    def body(self, row: tuple[float, ...]) -> bytes:
        return (self.prefix + ", ".join(map(repr, row)) + self.suffix).encode()


@dataclass(frozen=True)
class Sample:
    """One measurement of one case. Times are in microseconds."""

    requests: int
    per_second: float
    p50_us: float
    p99_us: float
    errors: int
    mean_batch: float | None = None  # None where no model ran
    cpu_us: float | None = None  # CPU time of all of the system's processes, per request


@dataclass
class Cell:
    """All rounds of one case of one system."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return median(s.per_second for s in self.samples)

    @property
    def spread(self) -> float:
        """Half the distance between the best and the worst round, as a share of the median."""
        rates = [s.per_second for s in self.samples]
        return (max(rates) - min(rates)) / 2 / self.per_second if self.per_second else 0.0

    @property
    def p50_us(self) -> float:
        return median(s.p50_us for s in self.samples)

    @property
    def p99_us(self) -> float:
        return median(s.p99_us for s in self.samples)

    @property
    def mean_batch(self) -> float | None:
        known = [s.mean_batch for s in self.samples if s.mean_batch is not None]
        return median(known) if known else None

    @property
    def cpu_us(self) -> float | None:
        known = [s.cpu_us for s in self.samples if s.cpu_us is not None]
        return median(known) if known else None

    @property
    def errors(self) -> int:
        return sum(s.errors for s in self.samples)
