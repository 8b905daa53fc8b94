"""The page of the frameworks: every loader has a row, and rows are renewed one by one."""

from pathlib import Path

import pytest

from benchmarks.frameworks import page
from benchmarks.frameworks.cases import CASES, Case
from benchmarks.frameworks.measure import NotMeasured, row_of
from benchmarks.frameworks.targets import TITLES, Target
from clipper.container.loaders import LOADERS
from tests.frameworks.environments import REQUIREMENTS

NOT_FRAMEWORKS = {"python", "openinference"}
"""Functions of the operator's own, and servers elsewhere."""


def test_every_framework_that_is_served_has_a_case() -> None:
    assert set(LOADERS) - NOT_FRAMEWORKS <= {case.framework for case in CASES}  # the others are served by a command


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_environment_of_each_case_is_there_to_be_made(case: Case) -> None:
    for name in filter(None, (case.environment, case.trained_in)):
        assert (REQUIREMENTS / f"{name}.txt").is_file()


def test_renewing_one_row_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page.PAGE.parent.mkdir()
    first, second = CASES[0].title, CASES[1].title
    page.write(page.rows_of([f"| {first} | 1 |", f"| {second} | 2 |", f"| {TITLES[0]} | 3 |"]), TITLES)
    page.write(page.read() | page.rows_of([f"| {second} | 20 |"]), TITLES)
    rows = page.read()
    assert [rows[first], rows[second], rows[TITLES[0]]] == [
        f"| {first} | 1 |",
        f"| {second} | 20 |",
        f"| {TITLES[0]} | 3 |",
    ]


def test_case_whose_program_is_missing_is_not_measured(tmp_path: Path) -> None:
    case = Case(title="a", framework="r", file="a.rds", shown="a", how="a", program="no-such-program")
    with pytest.raises(NotMeasured, match="there is no no-such-program"):
        row_of(case, tmp_path)


@pytest.mark.parametrize(("measured", "verdict"), [(1.5, "✓"), (1.51, "✗")])
def test_verdict(measured: float, verdict: str) -> None:
    assert str(Target("start", measured, "s", 1.5, "≤ 1.5 s")) == f"| start | ≤ 1.5 s | {measured:.3g} s | {verdict} |"
