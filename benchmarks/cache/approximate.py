"""What the approximate cache saves on jittered repeats of real images, how often it is wrong, and what it costs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from benchmarks.cache.images import Images, Mnist, jittered_repeats
from benchmarks.report import Sheet
from clipper.abstraction.approximate.similar import ApproximateCache
from clipper.abstraction.cache import CacheConfig
from clipper.core.inputs import DType, Input

MAX_DISAGREEMENT = 0.02
TRAINED_ON = 12_000
DIFFERENT = 1000  # images that are repeated
CALL_S = 0.001  # what a model takes for one input: lookups have to pay

MODELS: dict[str, Callable[[], Any]] = {
    "logistic regression": lambda: LogisticRegression(C=0.01, max_iter=200),
    "neural network, 64 hidden": lambda: MLPClassifier((64,), max_iter=100, early_stopping=True, random_state=0),
    "random forest, 60 × depth 16": lambda: RandomForestClassifier(60, max_depth=16, random_state=0),
}


@dataclass
class Tally:
    """What became of one stream."""

    queries: int = 0
    hits: int = 0
    wrong: int = 0
    saved: int = 0
    lookups: int = 0
    spent_s: float = 0.0


def measure_approximate(path: Path, queries: int) -> Sheet:
    """One row for each stream and model; the model's own answers are the truth."""
    mnist = Mnist(path)
    rng = np.random.default_rng(7)
    repeated = mnist.test[:DIFFERENT]
    streams = {
        "repeats, moved by ≤ 0.5 px, noise 0.02": jittered_repeats(repeated, queries, shift=0.5, noise=0.02, rng=rng),
        "repeats, moved by ≤ 1 px, noise 0.05": jittered_repeats(repeated, queries, shift=1.0, noise=0.05, rng=rng),
        "each image once": mnist.train[-queries:],
        "noise, nothing alike": rng.random((queries, repeated.shape[1])),
    }
    rows: list[tuple[str, ...]] = []
    for model_name, make in MODELS.items():
        model = make().fit(mnist.train[:TRAINED_ON], mnist.labels[:TRAINED_ON])
        for name, images in streams.items():
            rows.append((model_name, name, *_row(images, [b"%d" % output for output in model.predict(images)])))
    head = (
        "model",
        "stream",
        "model calls saved",
        "in its second half",
        "answers from the cache",
        "of them other than the model's",
        "of all answers",
        "lookups",
        "µs per query",
    )
    title = f"{queries:,} queries, {CALL_S * 1e3:.0f} ms a call, at most {MAX_DISAGREEMENT:.0%} disagreement allowed"
    return Sheet(title, head, rows)


def _row(images: Images, truths: Sequence[bytes]) -> tuple[str, ...]:
    cache = ApproximateCache(CacheConfig().approximate_max_bytes, MAX_DISAGREEMENT, seed=1)
    half = len(images) // 2
    cache.effort.learn(CALL_S)
    first = _run(cache, images[:half], truths[:half])
    second = _run(cache, images[half:], truths[half:])
    queries, hits, wrong = first.queries + second.queries, first.hits + second.hits, first.wrong + second.wrong
    return (
        f"{(first.saved + second.saved) / queries:.1%}",
        f"{second.saved / second.queries:.1%}",
        f"{hits / queries:.1%}",
        f"{wrong / hits:.2%}" if hits else "–",
        f"{wrong / queries:.2%}",
        f"{(first.lookups + second.lookups) / queries:.1%}",
        f"{(first.spent_s + second.spent_s) / queries * 1e6:.1f}",
    )


def _run(cache: ApproximateCache, images: Images, truths: Sequence[bytes]) -> Tally:
    tally = Tally()
    clock = time.perf_counter
    for image, truth in zip(images, truths, strict=True):
        asked = Input(DType.FLOAT64, (len(image),), image.tobytes())
        tally.queries += 1
        began = clock()
        lookup = None
        if cache.effort.skip:
            cache.effort.skip -= 1
        else:
            lookup = cache.look_up(asked, -inf)
        if lookup is not None and (lookup.is_sample or not lookup.is_hit):
            cache.learn(lookup, truth, 0.0)
        tally.spent_s += clock() - began
        tally.lookups += lookup is not None
        if lookup is not None and lookup.is_hit:
            tally.hits += 1
            tally.wrong += lookup.nearest.output != truth
            tally.saved += not lookup.is_sample
    return tally
