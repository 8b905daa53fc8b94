"""The page of the experiments says what their results say, and every plot it shows is there."""

import re

from experiments.__main__ import FOLDER, NAMES, PAGE, results
from experiments.lib.page import page, read_about


def test_page_is_made_of_the_results() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(results(), FOLDER), "run `python -m experiments NAME`"


def test_plots_of_the_page_are_there() -> None:
    shown = re.findall(r"\]\((\.\./experiments/[^)]+)\)", PAGE.read_text(encoding="utf-8"))
    assert shown
    assert not [path for path in shown if not (PAGE.parent / path).exists()]


def test_every_experiment_has_its_question_and_its_program() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/run.py")}
    assert folders == set(NAMES)
    for name in NAMES:
        assert {"Question", "Method"} <= set(read_about(FOLDER / name).paragraphs)
