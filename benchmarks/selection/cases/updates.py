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
from clipper.selection.policy import Feedback, Selection, State

TARGETS_US = {10: 20.0, 50: 60.0, 200: 500.0}  # by the number of features
FEEDBACKS, QUICK_FEEDBACKS = 4000, 1000
BLOCK = 200  # feedbacks timed together
EARLY = 3  # blocks, after which a state has seen little
FLAT = 1.2  # the same updates of a state that has seen much feedback and of one that has seen little: no slope
TURNS = 9  # of each of the two
ONLY = Selection(("features",), (1.0,))


def measure(bench: Bench) -> Section:
    """A stream of feedback for each number of features."""
    count = QUICK_FEEDBACKS if bench.quick else FEEDBACKS
    streams = {size: Stream(size, count) for size in TARGETS_US}
    times = {size: stream.times for size, stream in streams.items()}
    for size, each in times.items():
        bench.tell(f"{size} features: {median(each):.1f} µs")
    verdicts = [
        at_most(f"one update, {size} features", median(each), TARGETS_US[size], "µs") for size, each in times.items()
    ]
    verdicts += [
        at_most(
            f"{size} features: one update after {count:,} others, against one after {EARLY * BLOCK}",
            stream.slope(),
            FLAT,
            "×",
        )
        for size, stream in streams.items()
    ]
    rows: list[tuple[str, ...]] = [
        (str(size), f"{median(each):.1f}", f"{1e6 / median(each):,.0f}") for size, each in times.items()
    ]
    head = ("features", "one update, µs", "updates/s")
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


class Stream:
    """A context that learns from feedback after feedback; `times`: µs of one update, for each block of them."""

    def __init__(self, size: int, count: int) -> None:
        self._policy = policy_named("split_model", {})
        self._rng = np.random.default_rng(size)
        self._truth = self._rng.normal(size=size)
        self.times: list[float] = []
        state = self._policy.init(ONLY.models)
        for block in range(count // BLOCK):
            if block == EARLY:
                self._young = state
            time_us, state = self._learn(state)
            self.times.append(time_us)
        self._old = state

    def slope(self) -> float:
        """What an update costs at the end, over what it costs near the beginning: timed in turns."""
        turns = [(self._learn(self._old)[0], self._learn(self._young)[0]) for _ in range(TURNS)]
        return median(old for old, _ in turns) / median(young for _, young in turns)

    def _learn(self, state: State) -> tuple[float, State]:
        features = self._rng.normal(size=(BLOCK, len(self._truth))).round(4)
        outputs = [[msgspec.json.encode(row)] for row in features.tolist()]
        labels = [Feedback(b"%.4f" % label) for label in features @ self._truth]
        start = time.perf_counter()
        for said, label in zip(outputs, labels, strict=True):
            state = self._policy.observe(state, QUERY, label, ONLY, said)
        return (time.perf_counter() - start) / BLOCK * 1e6, state
