"""One update of the split model: its cost by the number of features, and by how much feedback there was before."""

import time
from statistics import median

import msgspec
import numpy as np

from benchmarks.bench import Bench
from benchmarks.report import Sheet
from benchmarks.section import Line, Plot, Section, at_most
from benchmarks.selection.streams import QUERY
from clipper.selection.policies import policy_named
from clipper.selection.policy import Feedback, Selection

TARGETS_US = {10: 20.0, 50: 60.0, 200: 500.0}  # by the number of features
FEEDBACKS, QUICK_FEEDBACKS = 4000, 1000
BLOCK = 200  # feedbacks timed together
FLAT = 1.2  # the last block over the second: no slope
ONLY = Selection(("features",), (1.0,))


def measure(bench: Bench) -> Section:
    """A stream of feedback for each number of features."""
    count = QUICK_FEEDBACKS if bench.quick else FEEDBACKS
    times = {size: blocks(size, count) for size in TARGETS_US}
    for size, each in times.items():
        bench.tell(f"{size} features: {median(each):.1f} µs")
    verdicts = [
        at_most(f"one update, {size} features", median(each), TARGETS_US[size], "µs") for size, each in times.items()
    ]
    verdicts += [
        at_most(
            f"{size} features: the last {BLOCK} of {count:,} updates against the earlier ones", slope(each), FLAT, "×"
        )
        for size, each in times.items()
    ]
    rows: list[tuple[str, ...]] = [
        (
            str(size),
            f"{median(each):.1f}",
            f"{median(early(each)):.1f}",
            f"{median(each[-3:]):.1f}",
            f"{1e6 / median(each):,.0f}",
        )
        for size, each in times.items()
    ]
    head = ("features", "one update, µs", "the first ones", "the last ones", "updates/s")
    lines = [
        Line(f"{size} features", [float(BLOCK * (place + 1)) for place in range(len(each))], each)
        for size, each in times.items()
    ]
    return Section(
        "updates",
        "Split model: one update",
        f"`observe` of `split_model` on {count:,} feedbacks of one context: one model answers with a list of numbers, "
        "the features; the decoding of its JSON is part of it. One thread, this process, medians of blocks of "
        f"{BLOCK}. The paper's prototype learned again from a window of feedback: 10,929 updates/s with a window of 1, "
        "617 with one of 100.",
        [Sheet("One update", head, rows)],
        verdicts,
        [Plot("updates", "One update of the split model", "feedback so far", "µs", lines, log_y=True)],
    )


def blocks(size: int, count: int) -> list[float]:
    """µs of one update, for each block of feedback."""
    policy = policy_named("split_model", {})
    rng = np.random.default_rng(size)
    truth = rng.normal(size=size)
    state = policy.init(ONLY.models)
    found = []
    for _ in range(count // BLOCK):
        features = rng.normal(size=(BLOCK, size)).round(4)
        outputs = [[msgspec.json.encode(row)] for row in features.tolist()]
        labels = [Feedback(b"%.4f" % label) for label in features @ truth]
        start = time.perf_counter()
        for said, label in zip(outputs, labels, strict=True):
            state = policy.observe(state, QUERY, label, ONLY, said)
        found.append((time.perf_counter() - start) / BLOCK * 1e6)
    return found


def early(times: list[float]) -> list[float]:
    """Some of the first blocks, without the very first: it makes the state's layout."""
    return times[1:4]


def slope(times: list[float]) -> float:
    """What the newest updates cost, over what early ones did."""
    return median(times[-3:]) / median(early(times))
