"""What a run says in numbers and as a histogram."""

import numpy as np

from clipper.cli.bench.outcome import Kind, Record, histogram
from clipper.cli.bench.screen import histogram_lines

NAN = float("nan")


def record() -> Record:
    due = np.array([0.0, 1.0, 2.0, 3.0])
    done = np.array([0.010, 1.030, 2.005, NAN])
    return Record(due, due + 0.002, done, np.array([Kind.ANSWERED, Kind.ANSWERED, Kind.DEFAULT, Kind.LOST], np.int8))


def test_latency_counts_from_when_a_query_was_due_and_only_models_in_time_are_good() -> None:
    outcome = record().outcome(slo_ms=20.0)
    assert (outcome.sent, outcome.defaults, outcome.errors, outcome.lost) == (4, 1, 0, 1)
    assert outcome.good == 0.25
    assert round(outcome.latency_ms["max"]) == 30
    assert round(outcome.latency_ms["p50"]) == 10
    assert round(outcome.late_ms) == 2


def test_nothing_answered_is_no_error() -> None:
    nothing = Record(np.array([0.0]), np.array([NAN]), np.array([NAN]), np.array([Kind.LOST], np.int8))
    outcome = nothing.outcome(20.0)
    assert (outcome.lost, outcome.good, outcome.per_second) == (1, 0.0, 0.0)
    assert histogram(nothing.latency_ms) == []


def test_histogram_counts_every_answer_once_and_marks_what_was_late() -> None:
    latencies = np.array([1.0, 1.1, 1.2, 40.0])
    bars = histogram(latencies)
    assert sum(count for _, _, count in bars) == 4
    assert all(low < high for low, high, _ in bars)
    lines = histogram_lines(latencies, slo_ms=20.0)
    assert "beyond the objective" in lines[-1]
    assert "beyond" not in lines[0]
    assert len(lines[0]) < 90
