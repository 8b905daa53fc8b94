"""The profile measures the path that there is: its stages are met, its page can be made."""

from contextlib import ExitStack
from unittest import mock

import pytest
import uvloop

from benchmarks.path.bytecodes import Counts, count_bytecodes
from benchmarks.path.page import Profile, document
from benchmarks.path.rig import CONNECTIONS, WrongAnswer, different_requests, steady_rig
from benchmarks.path.servers import BARE, CONTAINER, CONTROLLER, FRONTEND, ROOT, Cpu, Loaded
from benchmarks.path.stages import SPANS, Clock, Probe, Rounds, Span, Stage

TIMER = "_wake"  # comes with time and not with a query


def inclusive(span: Span) -> float:
    return 1 / 16 + sum(inclusive(each) for each in SPANS if each.inside is span)


def profile() -> Profile:
    """One of 16 us, whose spans take one each, and what is inside them."""
    rounds = Rounds([Clock(70.0, 170.0)], [16.0, 16.0], {span: [inclusive(span)] for span in SPANS})
    counts = Counts(1)
    counts.calls.update(Stage)
    counts.bytecodes.update(Stage)
    used = {each: [Cpu(9.0, 4.0)] for each in (FRONTEND, CONTAINER, CONTROLLER, ROOT)}
    clipper = Loaded(0, {}, per_second=[70_000.0], batches=1, rows=32, rounds=used)
    bare = Loaded(0, {}, per_second=[100_000.0], rounds={BARE: [Cpu(1.0, 4.0)]})
    return Profile(rounds, counts, 1.1, clipper, bare)


def test_spans_are_met_once_for_each_query_batch_or_turn() -> None:
    probes = {span: Probe() for span in SPANS if span.method != TIMER}

    async def answered() -> dict[str, int]:
        with ExitStack() as patched:
            for span, probe in probes.items():
                patched.enter_context(mock.patch.object(span.owner, span.method, probe.around(span.function)))
            async with steady_rig(warm_up=CONNECTIONS) as rig:
                for probe in probes.values():
                    probe.calls = 0
                await rig.answer(different_requests(CONNECTIONS))
                return {span.method: probe.calls for span, probe in probes.items() if span.method != "data_received"}

    found = uvloop.run(answered())
    per_batch, per_turn = {"send", "link_result"}, {"open_inbox", "_pull"}
    expected = {method: 2 for method in per_batch} | dict.fromkeys(per_turn, 1)
    assert found == {method: expected.get(method, CONNECTIONS) for method in found}


def test_every_stage_executes_something() -> None:
    counts = uvloop.run(count_bytecodes(CONNECTIONS))
    assert set(counts.bytecodes) == set(Stage)
    assert all(counts.calls[stage] > 0 for stage in Stage)


def test_a_path_that_answers_something_else_is_not_measured() -> None:
    requests = [request.replace(b"/bench/", b"/other/") for request in different_requests(CONNECTIONS)]

    async def ask() -> None:
        async with steady_rig(warm_up=CONNECTIONS) as rig:
            await rig.answer(requests)

    with pytest.raises(WrongAnswer, match="64 asked: 0 answered"):
        uvloop.run(ask())


def test_stages_are_what_is_measured_less_what_is_inside() -> None:
    measured = profile().rounds
    spans = [sum(span.stage is stage for span in SPANS) for stage in Stage]
    assert [measured.share(stage) for stage in Stage] == [count / 16 for count in spans]
    assert measured.rest == (16 - len(SPANS)) / 16


def test_what_the_clock_adds_is_taken_off_both_the_part_and_the_whole() -> None:
    probe = Probe()
    probe.calls, probe.ns = 1000, 570_000
    assert probe.share(Clock(inside_ns=70.0, whole_ns=170.0), run_us=1170.0) == 0.5


def test_page_has_what_was_measured() -> None:
    page = document("python -m benchmarks.path", {"date": "today"}, profile())
    assert "* date: today\n* command: `python -m benchmarks.path`" in page
    assert all(f"| {stage}: " in page for stage in Stage)
    assert "| query frontend | 70,000 | 9.00 | 4.00 | 13.00 |" in page
    assert "| the kernel: `recv`, `send`, `epoll_wait` | 4.00 | 31% |" in page
    assert "{" not in page
