"""Measuring one case of a running system: warm it up, load it, and see what its own counts say."""

from dataclasses import dataclass, replace

from benchmarks import load, tally, wrk
from benchmarks.cases import Case, Inputs, Sample
from benchmarks.peers.target import Endpoint

WARM_UP_S = 2.0  # adaptive batching has to learn


@dataclass(frozen=True)
class Counts:
    """What a system has done so far."""

    batches: int
    rows: int
    cpu_s: float
    defaults: int

    @classmethod
    def of(cls, endpoint: Endpoint) -> "Counts":
        batches, rows = tally.read(endpoint.tally)
        return cls(batches, rows, endpoint.cpu_seconds(), endpoint.defaults())


def measure(endpoint: Endpoint, case: Case, seconds: float) -> Sample:
    """One sample. Answers that are errors or default outputs are counted as errors, not as answers."""
    closed_loop = wrk.closed_loop if case.by_wrk else load.closed_loop
    closed_loop(endpoint.port, endpoint.request, case, WARM_UP_S)
    before = Counts.of(endpoint)
    sample = closed_loop(endpoint.port, endpoint.request, case, seconds)
    after = Counts.of(endpoint)
    defaults = min(after.defaults - before.defaults, sample.requests)
    good = sample.requests - defaults
    batches = after.batches - before.batches
    cached = case.inputs is Inputs.SAME
    return replace(
        sample,
        requests=good,
        per_second=sample.per_second * good / max(1, sample.requests),
        errors=sample.errors + defaults,
        mean_batch=(after.rows - before.rows) / batches if batches and not cached else None,
        cpu_us=(after.cpu_s - before.cpu_s) / max(1, sample.requests) * 1e6,
    )
