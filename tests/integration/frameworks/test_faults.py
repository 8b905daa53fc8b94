"""What is wrong with a model or an input is said in words, and batch-mates are unharmed; for every light framework."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipper.client import Clipper, ClipperError
from clipper.core.errors import ErrorCode
from tests.integration.frameworks.cases import CASES
from tests.integration.frameworks.conftest import Ask, Deploy

WITH_SHAPES = [name for name, case in CASES.items() if case.misfit is not None]
NATIVE = [name for name in WITH_SHAPES if name != "htk"]


def refusal(clipper: Clipper, model: object, **options: Any) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        clipper.deploy_model("refused", 1, model, **options)
    assert clipper.get_model_info("refused", 1) is None
    return caught.value


@pytest.mark.parametrize("framework", CASES)
def test_damaged_file_is_refused(framework: str, tmp_path: Path, clipper: Clipper) -> None:
    path = CASES[framework].save(tmp_path)
    damaged = path.with_suffix(".caffemodel") if framework == "caffe" else path
    content = damaged.read_bytes()
    whole = 20 if framework == "vowpalwabbit" else len(content) // 3  # its weights go on to wherever the file ends
    damaged.write_bytes(content[:whole])
    error = refusal(clipper, path, framework=framework)
    assert error.code in (ErrorCode.MODEL_FAILED, ErrorCode.INVALID_ARGUMENT)
    assert any(word in error.message for word in ("model", "hmmdefs", "words.pkl", "deploy.prototxt", "HTK")), error


@pytest.mark.parametrize("framework", CASES)
def test_file_of_another_framework_is_refused(framework: str, tmp_path: Path, clipper: Clipper) -> None:
    (tmp_path / "notes").write_text("a text of no framework")
    error = refusal(clipper, tmp_path / "notes", framework=framework)
    assert error.message.endswith(f"nothing in it is recognised as of the framework {framework!r}")


@pytest.mark.parametrize("framework", WITH_SHAPES)
def test_input_of_a_wrong_shape_fails_alone(framework: str, tmp_path: Path, deploy: Deploy, ask: Ask) -> None:
    case = CASES[framework]
    deploy(f"{framework}-shape", case.save(tmp_path), input_type=case.input_type)
    good = [np.asarray(each).tolist() for each in case.inputs(2)]
    alone = [each.output for each in ask(f"{framework}-shape", good)]
    misfit = list(case.misfit) if np.ndim(good[0]) == 1 else [list(case.misfit)]
    first, bad, second = ask(f"{framework}-shape", [good[0], misfit, good[1]])
    assert [first.output, second.output] == alone
    assert bad.default
    assert "has the shape" in str(bad.default_explanation)


def fail_on_sevens(model: Any, inputs: Any) -> list[int]:
    if any(np.ravel(each)[0] == 7.0 for each in inputs):
        raise ValueError("a seven was found")
    return [len(inputs)] * len(inputs)


@pytest.mark.parametrize("framework", NATIVE)
def test_input_that_makes_the_model_raise_fails_alone(framework: str, tmp_path: Path, deploy: Deploy, ask: Ask) -> None:
    case = CASES[framework]
    name = f"{framework}-raises"
    deploy(name, case.save(tmp_path), input_type=case.input_type, function=fail_on_sevens)
    inputs = [np.array(each) for each in case.inputs(3)]
    inputs[1].flat[0] = 7.0
    found = ask(name, [each.tolist() for each in inputs])
    assert [each.default for each in found] == [False, True, False]
    assert "ValueError: a seven was found" in str(found[1].default_explanation)


def test_text_for_a_model_of_numbers_is_refused_by_name(tmp_path: Path, deploy: Deploy, ask: Ask) -> None:
    deploy("types", CASES["xgboost"].save(tmp_path))
    with pytest.raises(ClipperError, match="expected a list of numbers"):
        ask("types", ["a text"])
