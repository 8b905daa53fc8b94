"""Models small enough to see through, pickled by value as users' functions are, and bundles of them."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from clipper.container.bundle import Manifest, write_bundle
from clipper.core.inputs import InputType

Doubles = NDArray[np.float64]


def python_bundle(folder: Path, model: object, example: object = (1.0, 2.0), **fields: Any) -> Path:
    """A bundle of a Python function or object, in `folder`."""
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        pickled = cloudpickle.dumps(model)
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    return bundle_of(folder, pickled, example=list(example) if isinstance(example, tuple) else example, **fields)


def bundle_of(folder: Path, pickled: bytes, **fields: Any) -> Path:
    """A bundle whose function is these bytes."""
    manifest = {"framework": "python", "entry": "function.pkl", "input_type": InputType.DOUBLES, **fields}
    write_bundle(folder, Manifest(**manifest), {"function.pkl": pickled})
    return folder


def add_up(inputs: Doubles) -> Doubles:
    total: Doubles = inputs.sum(axis=1)
    return total


def first_in_hex(inputs: Doubles) -> list[str]:
    return [f"first {row[:1].tobytes().hex()}" for row in inputs]


def halve_in_place_and_add(inputs: Doubles) -> list[float]:
    """Fails for zeros, after it has written over all its inputs."""
    inputs /= 2.0
    totals = [float(row.sum()) for row in inputs]
    if 0.0 in totals:
        raise ValueError("nothing to add")
    return totals


def echo(inputs: Any) -> Any:
    return inputs


def lengths(inputs: Sequence[Any]) -> list[int]:
    return [len(each) for each in inputs]


def refuse_negative(inputs: Doubles) -> Doubles:
    if (inputs < 0).any():
        raise ValueError("negative input")
    return add_up(inputs)


def write_into_input(inputs: Doubles) -> Doubles:
    inputs *= 2
    return refuse_negative(inputs)


def one_too_few(inputs: Doubles) -> list[float]:
    return list(add_up(inputs))[1:]


def one_too_many_but_for_one(inputs: Doubles) -> list[float]:
    return [0.0] * (len(inputs) + (len(inputs) > 1))


def a_text(inputs: Doubles) -> str:
    return "not a list"


def talk(inputs: Doubles) -> Doubles:
    print("the model says", inputs.shape)  # noqa: T201  as users do
    return add_up(inputs)


def leave_on_negative(inputs: Doubles) -> Doubles:
    if (inputs < 0).any():
        sys.exit(3)
    return add_up(inputs)


def die_on_negative(inputs: Doubles) -> Doubles:
    import os

    if (inputs < 0).any():
        os._exit(9)
    return add_up(inputs)


def crash_on_negative(inputs: Doubles) -> Doubles:
    import os
    import signal

    if (inputs < 0).any():
        os.kill(os.getpid(), signal.SIGSEGV)
    return add_up(inputs)


def import_in_vain(inputs: Doubles) -> Doubles:
    import no_such_module  # type: ignore[import-not-found]

    return add_up(no_such_module.convert(inputs))


def say_and_sleep(inputs: Doubles) -> Doubles:
    """Computes for as many seconds as the first number says."""
    import time

    print("computing")  # noqa: T201
    time.sleep(inputs[0, 0])
    return add_up(inputs)


def a_megabyte_each(inputs: Doubles) -> list[str]:
    return ["x" * 1_000_000] * len(inputs)


class Counter:
    """A model with a method, as users' classes have."""

    def __init__(self) -> None:
        self.batches = 0

    def predict_batch(self, inputs: Doubles) -> list[int]:
        self.batches += 1
        return [self.batches] * len(inputs)


class SlowCounter(Counter):
    """Says which of its batches it was, after 50 ms."""

    def predict_batch(self, inputs: Doubles) -> list[int]:
        import time

        time.sleep(0.05)
        return super().predict_batch(inputs)


class FailsToLoad:
    """A model whose pickle raises when it is loaded."""

    def __init__(self, fail: Callable[[], object]) -> None:
        self.fail = fail

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return self.fail, ()


def cannot_be_made() -> object:
    raise RuntimeError("no weights here")


def needs_a_module() -> object:
    import no_such_module

    return no_such_module


def leaves() -> object:
    sys.exit("I leave")
