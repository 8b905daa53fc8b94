"""One bundle measured in a process of its own: `python -m benchmarks.frameworks.probe BUNDLE` prints JSON.

It runs in the environment of the framework, which has nothing but that, NumPy and our package. The container of a
bundle of framework "command" is started as a server does it, and asked over a socket: it measures its own computing.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median

from clipper.container.bundle import COMMAND, Manifest, read_manifest
from clipper.container.commands.trial import answer_example_over, started_link
from clipper.container.memory import keep_freed_memory
from clipper.container.model import load_model
from clipper.core.inputs import Input
from clipper.core.json_inputs import input_from_json
from clipper.wire.batches import InputBatch

MEASURED_S = 0.5
BATCH = 64
WARM_UPS = 3


def main(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    found = _of_command(bundle, manifest) if manifest.framework == COMMAND else _of_loader(bundle)
    print("\n" + json.dumps(found))


def _of_loader(bundle: Path) -> dict[str, float]:
    keep_freed_memory()
    model = load_model(bundle, time.monotonic)
    example = model.example
    assert example is not None
    model.predict_or_raise(_batch(example, 1))
    ready_s = time.monotonic()

    def batch_s(size: int) -> float:
        batch = _batch(example, size)
        start = time.perf_counter()
        model.predict_or_raise(batch)
        return time.perf_counter() - start

    return {"ready_s": ready_s, **_medians_ms(batch_s), "rss_mb": _resident_mb(_with_descendants("self"))}


def _of_command(bundle: Path, manifest: Manifest) -> dict[str, float]:
    example = input_from_json(manifest.example, manifest.input_type, "example")
    start_s = time.monotonic()
    with started_link(bundle, manifest) as link:
        answer_example_over(link, example, 1)
        ready_s = time.monotonic()
        medians = _medians_ms(lambda size: link.predict([example] * size).compute_ns / 1e9)
        memory = _resident_mb(_with_descendants("self")[1:])
    return {"start_s": start_s, "ready_s": ready_s, **medians, "rss_mb": memory}


def _batch(example: Input, size: int) -> InputBatch:
    return InputBatch(example.dtype, size, [example.shape], memoryview(example.payload * size))


def _medians_ms(batch_s: Callable[[int], float]) -> dict[str, float]:
    """Of one input and of many: the median of what `MEASURED_S` has time for."""
    return {"one_ms": _median_ms(partial(batch_s, 1)), "batch_ms": _median_ms(partial(batch_s, BATCH))}


def _median_ms(attempt_s: Callable[[], float]) -> float:
    for _ in range(WARM_UPS):
        attempt_s()
    times = []
    end = time.perf_counter() + MEASURED_S
    while time.perf_counter() < end:
        times.append(attempt_s())
    return median(times) * 1000


def _resident_mb(processes: Iterable[str]) -> float:
    return sum(map(_resident_kb, processes)) / 1000


def _with_descendants(process: str) -> list[str]:
    """A process and what it has started, which for Spark and R is where the model is."""
    found = [process]
    for children in Path("/proc", process, "task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                found += _with_descendants(child)
    return found


def _resident_kb(process: str) -> int:
    """0 for one that has ended, whether or not its parent has taken notice."""
    try:
        _, found, rest = Path("/proc", process, "status").read_text().partition("VmRSS:")
    except OSError:
        return 0
    return int(rest.split()[0]) if found else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
