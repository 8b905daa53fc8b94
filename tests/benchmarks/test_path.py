"""The profile measures the path that there is: its stages are met, its page can be made."""

import json
import sys
from dataclasses import replace

import pytest
import uvloop

from benchmarks.path.bytecodes import Counts, bytecodes_as_python
from benchmarks.path.page import Profile, document
from benchmarks.path.rig import CONNECTIONS, WrongAnswer, different_requests, steady_rig
from benchmarks.path.samples import by_place
from benchmarks.path.servers import BARE, CONTAINER, CONTROLLER, FRONTEND, ROOT, Cpu, Loaded
from benchmarks.path.source import import_source, run_on_source
from benchmarks.path.stages import SPANS, Clock, Probe, Rounds, Span, Stage

REPORT = """\
 41000000   ;[kernel.kallsyms]                              ;[k] finish_task_switch.isra.0
 20000000   ;python3.11                                     ;[.] _PyEval_EvalFrameDefault
 10000000   ;libpython3.11.so.1.0                           ;[.] _Py_dict_lookup
 9000000    ;compiled__mypyc.cpython-311-x86_64-linux-gnu.so;[.] CPyDef_queue___DeadlineQueue___take
 1000000    ;compiled__mypyc.cpython-311-x86_64-linux-gnu.so;[.] queue___Lane_new
 4000000    ;compiled__mypyc.cpython-311-x86_64-linux-gnu.so;[.] CPyDict_GetItem
 5000000    ;loop.cpython-311-x86_64-linux-gnu.so           ;[.] uv__io_poll
 5000000    ;_core.cpython-311-x86_64-linux-gnu.so          ;[.] json_decode.part.0
 2000000    ;libc.so.6                                      ;[.] __GI___libc_write
 2000000    ;[vdso]                                         ;[.] __vdso_clock_gettime
 1000000    ;parser.cpython-311-x86_64-linux-gnu.so         ;[.] llhttp__internal_execute
"""


def inclusive(span: Span) -> float:
    return 1 / 16 + sum(inclusive(each) for each in SPANS if each.inside is span)


def profile() -> Profile:
    """One of 16 us, whose spans take one each, and what is inside them."""
    rounds = Rounds([Clock(70.0, 170.0)], [16.0, 16.0], {span.name: [inclusive(span)] for span in SPANS})
    counts = Counts(1, dict.fromkeys(Stage, 1), dict.fromkeys(Stage, 2))
    used = {each: [Cpu(9.0, 4.0)] for each in (FRONTEND, CONTAINER, CONTROLLER, ROOT)}
    clipper = Loaded(0, {}, per_second=[70_000.0], batches=1, rows=32, rounds=used)
    bare = Loaded(0, {}, per_second=[100_000.0], rounds={BARE: [Cpu(1.0, 4.0)]})
    samples = {"the kernel": 0.5, "libc": 0.494, "compiled: `queue`": 0.004, "compiled: `model`": 0.002}
    return Profile(rounds, counts, [9.0, 9.0], "hot path compiled", 1.1, clipper, bare, samples)


def test_spans_are_met_once_for_each_query_batch_or_turn() -> None:
    found = json.loads(run_on_source("tests.benchmarks.span_calls"))
    per_batch = {"_Connection.send", "_Connection.data_received", "Replica.link_result"}
    per_turn = {"Connections.open_inbox", "Connections.empty_outbox", "ServedModel._pull"}
    expected = dict.fromkeys(per_batch, 2) | dict.fromkeys(per_turn, 1)
    assert found == {name: expected.get(name, CONNECTIONS) for name in found}
    assert len(found) == len(SPANS) - 1  # a timer comes with time and not with a query


def test_every_stage_executes_something() -> None:
    counts = bytecodes_as_python(CONNECTIONS)
    assert all(counts.calls[stage] > 0 and counts.bytecodes[stage] > 0 for stage in Stage)


def test_source_cannot_be_imported_once_the_package_is() -> None:
    hooks = sys.path_hooks.copy()
    with pytest.raises(ImportError, match="imported already"):
        import_source()
    assert sys.path_hooks == hooks


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


def test_rounds_of_several_processes_count_alike() -> None:
    name = SPANS[0].name
    measured = Rounds()
    for figure in (1.0, 2.0):
        measured.add(Rounds([Clock(figure, figure)], [figure], {name: [figure]}))
    assert measured == Rounds([Clock(1.0, 1.0), Clock(2.0, 2.0)], [1.0, 2.0], {name: [1.0, 2.0]})


def test_compiled_path_is_its_total_less_what_is_never_compiled() -> None:
    measured = profile()
    rest_us = 16 - len(SPANS)
    assert (measured.python_us, measured.path_us) == (16.0 - rest_us, 9.0 - rest_us)


def test_samples_are_told_apart_by_place() -> None:
    assert {place: round(share, 2) for place, share in by_place(REPORT).items()} == {
        "the kernel": 0.41,
        "the interpreter: bytecodes": 0.2,
        "the interpreter: its objects, calls and memory": 0.1,
        "compiled: `queue`": 0.1,
        "uvloop": 0.05,
        "msgspec": 0.05,
        "compiled: what mypyc adds": 0.04,
        "libc": 0.04,
        "other libraries": 0.01,
    }
    assert by_place("") == {}


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
    assert "| all as it runs, hot path compiled, without a clock (±0%) | 9.00 | 56% | – | – |" in page
    assert "| the kernel | 6.50 | 50.0% |" in page
    assert "| compiled: the other modules | 0.08 | 0.6% |" in page
    assert "{" not in page


def test_page_says_that_samples_are_missing() -> None:
    page = document("python -m benchmarks.path", {}, replace(profile(), samples={}))
    assert "was not sampled: `perf` is missing" in page
