"""One bundle measured in a process of its own: `python -m benchmarks.frameworks.probe BUNDLE` prints JSON.

It runs in the environment of the framework, which has nothing but that, NumPy and our package.
"""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from clipper.container.memory import keep_freed_memory
from clipper.container.model import Model, load_model
from clipper.core.inputs import Input
from clipper.wire.batches import InputBatch

MEASURED_S = 0.5
BATCH = 64
WARM_UPS = 3


def main(bundle: Path) -> None:
    keep_freed_memory()
    model = load_model(bundle, time.monotonic)
    assert model.example is not None
    model.predict_or_raise(_batch(model.example, 1))
    found: dict[str, Any] = {"ready_s": time.monotonic()}
    for name, size in (("one_ms", 1), ("batch_ms", BATCH)):
        found[name] = _batch_ms(model, _batch(model.example, size))
    found["rss_mb"] = sum(map(_resident_kb, _with_descendants("self"))) / 1000
    print("\n" + json.dumps(found))


def _batch(example: Input, size: int) -> InputBatch:
    return InputBatch(example.dtype, size, [example.shape], memoryview(example.payload * size))


def _batch_ms(model: Model, batch: InputBatch) -> float:
    """The median of what `MEASURED_S` has time for."""
    for _ in range(WARM_UPS):
        model.predict_or_raise(batch)
    times = []
    end = time.perf_counter() + MEASURED_S
    while time.perf_counter() < end:
        start = time.perf_counter()
        model.predict_or_raise(batch)
        times.append(time.perf_counter() - start)
    return median(times) * 1000


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
