"""The ring of judged queries: bounded in number and bytes, read in pages, complete for whoever judges by it."""

import pytest

from clipper.abstraction.model import SHED
from clipper.engine import evidence
from clipper.engine.evidence import Evidence
from clipper.engine.query import PendingQuery
from clipper.selection.evidence.judged import Judged, read_page
from clipper.selection.policy import Answer, Feedback, Selection
from tests.unit.abstraction.evaluations import number
from tests.unit.engine.world import Client

SELECTION = Selection(("a", "b"), (1.0, 0.25), 0.5)


def add(ring: Evidence, value: float, feedback: Feedback | None = None) -> None:
    query = PendingQuery(number(value), "ann", 0.0, 1.0, Client())
    query.output = b"7"
    query.outcomes = [b"7", None]
    ring.add(query, feedback or Feedback(b"7"), SELECTION)


def all_of(ring: Evidence) -> list[Judged]:
    found: list[Judged] = []
    start = 0
    while (page := read_page(ring.page(start))).judged:
        found += page.judged
        start = page.next
    return found


def test_everything_that_judging_takes_is_kept() -> None:
    ring = Evidence()
    add(ring, 1.5)
    add(ring, 2.5, Feedback(None, 0.25, Answer(b"7", 0.5, (1.0,), 0.75)))
    by_label, by_reward = all_of(ring)
    asked = number(1.5)
    assert (by_label.dtype, by_label.shape, by_label.payload) == (asked.dtype, asked.shape, asked.payload)
    assert (by_label.label, by_label.reward, by_label.answered, by_label.propensity) == (b"7", None, b"7", 1.0)
    assert (by_reward.label, by_reward.reward, by_reward.propensity) == (None, 0.25, 0.75)
    assert (by_label.models, by_label.propensities, by_label.outputs) == (("a", "b"), (1.0, 0.25), (b"7", None))
    assert by_label.context == "ann"


def test_who_was_not_asked_under_load_said_nothing() -> None:
    ring = Evidence()
    query = PendingQuery(number(1), None, 0.0, 1.0, Client())
    query.output = b"7"
    query.outcomes = [SHED, b"7"]
    ring.add(query, Feedback(b"7"), SELECTION)
    (judged,) = all_of(ring)
    assert (judged.models, judged.propensities, judged.outputs) == (("b",), (0.25,), (b"7",))


def test_what_comes_after_an_early_answer_was_said() -> None:
    ring = Evidence()
    query = PendingQuery(number(1), None, 0.0, 1.0, Client())
    query.outcomes = [b"7", None]
    ring.add(query, Feedback(b"7"), SELECTION)
    query.outcomes[1] = b"8"
    (judged,) = all_of(ring)
    assert judged.outputs == (b"7", b"8")


def test_newest_are_kept_and_read_page_by_page() -> None:
    ring = Evidence()
    count = evidence.MAX_QUERIES + 1000
    for value in range(count):
        add(ring, value)
    found = all_of(ring)
    assert len(found) == len(ring) == evidence.MAX_QUERIES
    assert [each.payload for each in found[-1:]] == [number(count - 1).payload]
    assert len(read_page(ring.page(0)).judged) == evidence.PAGE_QUERIES
    assert read_page(ring.page(count)).judged == []
    assert read_page(ring.page(count + 5)).judged == []


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MAX_BYTES", 105)
    monkeypatch.setattr(evidence, "PAGE_BYTES", 20)
    ring = Evidence()
    for value in range(100):
        add(ring, value)
    size = len(number(1).payload) + 3
    assert len(ring) == 105 // size
    assert len(all_of(ring)) == len(ring)
    assert len(read_page(ring.page(0)).judged) == 20 // size + 1
