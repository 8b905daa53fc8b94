from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clipper.container.dry_run import dry_run
from clipper.container.failures import FailureLog, ModelError, Stage
from clipper.container.loaders import LoadedModel
from clipper.container.model import Model, answer_example, load_model
from clipper.core.errors import ErrorCode
from clipper.core.inputs import DType, Input, InputType
from clipper.wire.batches import InputBatch, ItemFailure, Outcome, decode_predict, encode_predict
from clipper.wire.frames import HEADER_SIZE
from tests import toy_models
from tests.toy_models import bundle_of, python_bundle
from tests.wire.arrays import data, numbers, text


def clock() -> float:
    return 0.0


def model(predict_batch: Callable[[Any], Any]) -> Model:
    return Model(LoadedModel(predict_batch, None), InputType.DOUBLES, FailureLog(clock))


def batch(*inputs: Input) -> InputBatch:
    return decode_predict(encode_predict(1, inputs)[HEADER_SIZE:])


def rows(*values: float) -> InputBatch:
    return batch(*[numbers(DType.FLOAT64, (2,), value, 0) for value in values])


def failure(outcome: Outcome) -> str:
    assert isinstance(outcome, ItemFailure), outcome
    return outcome.message


# --- predicting ------------------------------------------------------------------------------------------------------


def test_one_outcome_for_each_input() -> None:
    assert model(toy_models.add_up).predict(rows(1, 2, 3)) == [b"1.0", b"2.0", b"3.0"]
    assert model(toy_models.echo).predict(batch(text("a"), text("[1]"))) == [b'"a"', b"[1]"]
    assert model(toy_models.lengths).predict(batch(data(b""), data(b"\0\1"))) == [b"0", b"2"]
    ragged = batch(numbers(DType.INT32, (1,), 1), numbers(DType.INT32, (2,), 1, 2))
    assert model(toy_models.lengths).predict(ragged) == [b"1", b"2"]


@pytest.mark.parametrize("predict", [toy_models.refuse_negative, toy_models.write_into_input])
def test_bad_input_does_not_fail_its_batch_mates(predict: Callable[[Any], Any]) -> None:
    """Also where the model has written into the array before it failed."""
    factor = 2.0 if predict is toy_models.write_into_input else 1.0
    first, second, third = model(predict).predict(rows(1, -1, 2))
    assert (first, third) == (b"%r" % (1 * factor), b"%r" % (2 * factor))
    assert failure(second) == "ValueError: negative input"


def test_text_that_is_not_utf8_does_not_fail_its_batch_mates() -> None:
    bad = Input(DType.STRING, (1,), b"\xff")
    first, second = model(toy_models.echo).predict(batch(text("a"), bad))
    assert first == b'"a"'
    assert "UnicodeDecodeError" in failure(second)


def test_exit_is_a_failure_like_any_other() -> None:
    first, second = model(toy_models.leave_on_negative).predict(rows(1, -1))
    assert first == b"1.0"
    assert failure(second) == "SystemExit: 3"


def test_interrupt_is_not_the_models() -> None:
    def interrupted(inputs: object) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model(interrupted).predict(rows(1))


def test_wrong_number_of_outputs_fails_every_item_and_says_both_numbers() -> None:
    outcomes = model(toy_models.one_too_few).predict(rows(1, 2, 3))
    assert [failure(each) for each in outcomes] == [
        "predict_batch returned 2 outputs, expected 3: one for each input"
    ] * 3


def test_shape_no_array_can_have_fails_its_item() -> None:
    impossible = InputBatch(DType.FLOAT64, 1, [(0, *[2**32 - 1] * 7)], memoryview(b""))
    assert "ValueError" in failure(model(toy_models.echo).predict(impossible)[0])


# --- loading ---------------------------------------------------------------------------------------------------------


def test_function_is_loaded_with_its_example(tmp_path: Path) -> None:
    loaded = load_model(python_bundle(tmp_path / "a", toy_models.add_up), clock)
    assert loaded.input_type is InputType.DOUBLES
    assert loaded.example is not None
    assert answer_example(loaded, loaded.example, 2) == ["3.0", "3.0"]


def test_object_is_asked_by_its_method(tmp_path: Path) -> None:
    loaded = load_model(python_bundle(tmp_path / "a", toy_models.Counter()), clock)
    assert [loaded.predict(rows(1, 2)), loaded.predict(rows(1))] == [[b"1", b"1"], [b"2"]]


@pytest.mark.parametrize(
    ("content", "stage", "says"),
    [
        (toy_models.FailsToLoad(toy_models.cannot_be_made), Stage.LOAD, "RuntimeError: no weights here"),
        (toy_models.FailsToLoad(toy_models.needs_a_module), Stage.IMPORT, "requirements=['no_such_module']"),
        (toy_models.FailsToLoad(toy_models.leaves), Stage.LOAD, "SystemExit: I leave"),
        (7, Stage.LOAD, "holds a int, expected a function"),
    ],
)
def test_model_that_cannot_be_loaded_says_why(content: object, stage: Stage, says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(python_bundle(tmp_path / "a", content), clock)
    assert caught.value.stage is stage
    assert caught.value.code is ErrorCode.MODEL_FAILED
    assert says in caught.value.message


@pytest.mark.parametrize("pickled", [b"", b"junk", b"\x80\x05cnt\nsystem\n.", b"\x80\x05"])
def test_corrupt_pickle_is_a_load_failure(pickled: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Loading function\.pkl failed") as caught:
        load_model(bundle_of(tmp_path / "a", pickled), clock)
    assert caught.value.stage in (Stage.LOAD, Stage.IMPORT)
    assert caught.value.detail.startswith("Traceback")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"python": "3.9"}, "packaged by Python 3.9 and this is Python 3."),
        ({"output": "raw"}, "use 'labels'"),
        ({"framework": "abacus"}, "Invalid framework 'abacus': expected one of "),
    ],
)
def test_manifest_that_does_not_fit_is_a_load_failure(fields: dict[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(python_bundle(tmp_path / "a", toy_models.add_up, **fields), clock)
    assert (caught.value.stage, caught.value.detail) == (Stage.LOAD, "")
    assert says in caught.value.message


def test_folder_that_is_no_bundle_is_a_load_failure(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Not a model bundle"):
        load_model(tmp_path, clock)


# --- dry run ---------------------------------------------------------------------------------------------------------


def test_dry_run_shows_outputs_and_times(tmp_path: Path) -> None:
    done = dry_run(python_bundle(tmp_path / "a", toy_models.add_up))
    assert (done.alone, done.batch) == ("3.0", ("3.0", "3.0", "3.0"))
    assert min(done.load_s, done.first_ms, done.alone_ms, done.batch_ms) > 0
    assert "in a batch of 3" in str(done)


def test_dry_run_without_an_example_only_loads(tmp_path: Path) -> None:
    done = dry_run(python_bundle(tmp_path / "a", toy_models.import_in_vain, example=None))
    assert done.alone is None
    assert "no example" in str(done)


@pytest.mark.parametrize(
    ("function", "stage", "says"),
    [
        (toy_models.one_too_few, Stage.EXAMPLE, "batch of 1 failed: predict_batch returned 0 outputs, expected 1"),
        (toy_models.one_too_many_but_for_one, Stage.EXAMPLE, "batch of 3 failed: predict_batch returned 4 outputs"),
        (toy_models.a_text, Stage.EXAMPLE, "returned a str"),
        (toy_models.import_in_vain, Stage.IMPORT, "requirements=['no_such_module']"),
    ],
)
def test_dry_run_of_a_wrong_model_says_why(function: object, stage: Stage, says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        dry_run(python_bundle(tmp_path / "a", function))
    assert caught.value.stage is stage
    assert says in caught.value.message


def test_dry_run_shows_the_models_own_traceback(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        dry_run(python_bundle(tmp_path / "a", toy_models.refuse_negative, example=(-1.0, 0.0)))
    lines = caught.value.detail.splitlines()
    assert "in refuse_negative" in lines[1]
    assert lines[-1] == "ValueError: negative input"
