"""Ratios, verdicts and tables, from figures made up here."""

from dataclasses import replace

from benchmarks.cases import Case, Cell, Inputs, Model, Sample
from benchmarks.openloop.trace import Outcome
from benchmarks.peers import TARGETS
from benchmarks.report import Sheet, main_sheet
from benchmarks.rounds import Results, reason
from benchmarks.targets import Extras, verdicts

SAMPLE = Sample(requests=1, per_second=0.0, p50_us=100.0, p99_us=200.0, errors=0, mean_batch=32.0, cpu_us=20.0)


def results(rates: dict[str, float], p50_us: dict[str, float] | None = None) -> Results:
    made = Results()
    for name, rate in rates.items():
        sample = replace(SAMPLE, per_second=rate, p50_us=(p50_us or {}).get(name, 100.0))
        for model in Model:
            for connections, inputs in ((64, Inputs.DIFFERENT), (1, Inputs.DIFFERENT), (64, Inputs.SAME)):
                made.cells[name, Case(model, connections, inputs)] = Cell([sample])
    return made


def words(made: Results, extras: Extras | None = None) -> dict[str, str]:
    return {f"{each.condition}: {each.promise}": each.word for each in verdicts(made, extras or Extras())}


def test_verdicts_hold_each_ratio_against_its_promise() -> None:
    made = results({"clipper": 70_000, "mosec": 26_000, "mlserver": 8_000, "nginx": 150_000})
    found = words(made)
    different = "64 connections, every input different"
    assert found[f"{different}: ≥ 2.5 × mosec"] == "reached"
    assert found[f"{different}: ≥ 10 × mlserver"] == "NOT reached"
    assert found[f"{different}: ≥ 0.4 × nginx"] == "reached"
    assert found["64 connections, cache hits: ≥ 3 × mosec"] == "NOT reached"
    assert found[f"{different}: ≥ 10 × bentoml"] == "not measured"


def test_latency_is_held_against_the_echo() -> None:
    for ours, word in ((199.0, "reached"), (201.0, "NOT reached")):
        found = words(results({"clipper": 1.0, "echo": 1.0}, {"clipper": ours}))
        assert found["1 connection, median latency: ≤ 2 × the uvicorn echo's"] == word


def test_a_default_output_inside_the_objective_is_not_a_good_answer() -> None:
    outcome = Outcome(10_000, 10_000, 9_989, 11, 0, 1000.0, 1.0, 2.0, 3.0, 4.0, 0.1)
    assert outcome.good_share == 0.9989
    found = words(Results(), Extras(slo=replace(outcome, defaults=1), slo_rate=1000.0))
    assert found["1,000 queries/s, Poisson arrivals: ≥ 99.9 % inside 20 ms, no defaults"] == "NOT reached"


def test_a_system_that_failed_has_its_row() -> None:
    made = results({"clipper": 1000.0})
    made.failures["mosec"] = "no wheel"
    rows = {row[0].split()[0]: row for row in main_sheet(TARGETS, made).rows}
    assert rows["mosec"][1] == "failed: no wheel"


def test_reasons_name_no_places() -> None:
    text = reason(OSError("cannot get https://example.org/simple/x from /some/folder/file: 3/4 tried"))
    assert text == "cannot get … from … 3/4 tried"


def test_markdown_has_one_line_per_row() -> None:
    sheet = Sheet("", ("a", "b"), [("x", "1 | 2")])
    assert sheet.markdown().splitlines() == ["| a | b |", "| --- | ---: |", "| x | 1 / 2 |"]
