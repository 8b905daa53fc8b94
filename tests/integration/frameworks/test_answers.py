"""What light frameworks' models answer over HTTP is what their frameworks answer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipper.client.queries import Prediction
from tests.integration.frameworks.cases import CASES
from tests.integration.frameworks.conftest import Ask, Deploy

INPUTS = 1000
SEQUENCES = 100
"""Of speech: each is a hundred numbers, and hmmlearn answers one at a time."""


def answers(found: list[Prediction]) -> list[Any]:
    assert [each.default_explanation for each in found if each.default] == []
    return [each.output for each in found]


@pytest.mark.parametrize("framework", CASES)
def test_file_answers_as_its_framework_does(framework: str, tmp_path: Path, deploy: Deploy, ask: Ask) -> None:
    case = CASES[framework]
    path = case.save(tmp_path)
    inputs = case.inputs(SEQUENCES if case.framework in ("htk", "hmmlearn") else INPUTS)
    for output, expected in case.own(path, inputs).items():
        name = f"{framework}-{output}"
        deploy(name, path, input_type=case.input_type, output=output)
        found = answers(ask(name, inputs))
        if output == "labels":
            assert found == expected
        else:
            np.testing.assert_allclose(found, expected, rtol=0, atol=case.tolerance)


@pytest.mark.parametrize("framework", [name for name, case in CASES.items() if case.live is not None])
def test_live_model_answers_as_itself(framework: str, deploy: Deploy, ask: Ask, tmp_path: Path) -> None:
    case = CASES[framework]
    assert case.live is not None
    inputs = case.inputs(20)
    model = case.live()
    deploy(f"{framework}-live", model, input_type=case.input_type)
    expected = case.own(case.save(tmp_path), inputs)["labels"]
    if framework == "lightgbm":  # the live one knows the names of its classes, its file does not
        expected = model.predict(inputs).tolist()
    assert answers(ask(f"{framework}-live", inputs)) == expected
