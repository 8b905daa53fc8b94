"""One bundle measured in a process of its own: `python -m benchmarks.frameworks.probe BUNDLE` prints JSON."""

import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from clipper.container.model import load_model
from clipper.wire.batches import InputBatch

MEASURED_S = 0.5
BATCH = 64


def main(bundle: Path) -> None:
    model = load_model(bundle, time.monotonic)
    assert model.example is not None
    example = model.example
    found: dict[str, Any] = {}
    for name, size in (("one_ms", 1), ("batch_ms", BATCH)):
        batch = InputBatch(example.dtype, size, [example.shape], memoryview(example.payload * size))
        model.predict_or_raise(batch)
        times = []
        end = time.perf_counter() + MEASURED_S
        while time.perf_counter() < end:
            start = time.perf_counter()
            model.predict_or_raise(batch)
            times.append(time.perf_counter() - start)
        found[name] = median(times) * 1000
    status = Path("/proc/self/status").read_text()
    found["rss_mb"] = int(status.split("VmRSS:")[1].split()[0]) / 1000
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
