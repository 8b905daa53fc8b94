"""The model of a bundle run on its example, without a server: the first thing to try with a new bundle."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from clipper.container.bundle import COMMAND, read_manifest
from clipper.container.commands.trial import answer_example_over, started_link
from clipper.container.model import answer_example, load_model
from clipper.core.json_inputs import input_from_json

BATCH_SIZE = 3
"""Large enough that a function which answers one input only, or mixes rows and columns up, is found out."""

SHOWN_CHARACTERS = 200
"""Of each output."""


@dataclass(frozen=True)
class DryRun:
    """What happened.

    Attributes:
        alone: the output for the example alone, as JSON text; None if the bundle has no example.
        batch: the outputs for a batch of `BATCH_SIZE` times the example.
        load_s, first_ms, alone_ms, batch_ms: time to load, for the first batch of one, the second, and the larger one.
    """

    load_s: float
    alone: str | None = None
    batch: tuple[str, ...] = ()
    first_ms: float = 0.0
    alone_ms: float = 0.0
    batch_ms: float = 0.0

    def __str__(self) -> str:
        loaded = f"loaded in {self.load_s:.2f} s"
        if self.alone is None:
            return f"{loaded}\nno example in the bundle: no prediction was tried"
        alone, batch = _shortened(self.alone), ", ".join(map(_shortened, self.batch))
        return (
            f"{loaded}\n"
            f"example alone       {self.alone_ms:8.3f} ms (first time {self.first_ms:.3f} ms)  {alone}\n"
            f"in a batch of {len(self.batch)}     {self.batch_ms:8.3f} ms  {batch}"
        )


def dry_run(folder: Path) -> DryRun:
    """Load the bundle in `folder` and run its example alone and in a batch of `BATCH_SIZE`: in this process, or in one
    of its own if the bundle has a command.

    Raises ModelError (MODEL_FAILED), with the model's traceback as its detail, if anything fails.
    """
    start = time.perf_counter()
    with _started(folder) as answer:
        load_s = time.perf_counter() - start
        if answer is None:
            return DryRun(load_s)
        times = [time.perf_counter()]
        outputs = []
        for size in (1, 1, BATCH_SIZE):
            outputs.append(answer(size))
            times.append(time.perf_counter())
    first_ms, alone_ms, batch_ms = ((after - before) * 1000 for before, after in pairwise(times))
    return DryRun(load_s, outputs[0][0], tuple(outputs[2]), first_ms, alone_ms, batch_ms)


@contextmanager
def _started(folder: Path) -> Iterator[Callable[[int], list[str]] | None]:
    """What answers a batch of so many times the example, once the model is loaded; None if there is no example."""
    manifest = read_manifest(folder)
    if manifest.framework == COMMAND:
        with started_link(folder, manifest) as link:
            if manifest.example is None:
                yield None
            else:
                example = input_from_json(manifest.example, manifest.input_type, "example")
                yield partial(answer_example_over, link, example)
    else:
        model = load_model(folder, time.monotonic)
        yield None if model.example is None else partial(answer_example, model, model.example)


def _shortened(output: str) -> str:
    return output if len(output) <= SHOWN_CHARACTERS else f"{output[:SHOWN_CHARACTERS]}… ({len(output)} characters)"
