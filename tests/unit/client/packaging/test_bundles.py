"""Whatever predicts becomes a bundle that a container can load, and whatever does not is refused by name."""

import pickle
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from clipper.client import ClipperError, PackageOptions
from clipper.client.packaging import package
from clipper.client.packaging.trial import try_packaged
from clipper.container.bundle import Manifest, read_manifest
from clipper.container.model import load_model
from clipper.core.errors import ErrorCode
from clipper.core.inputs import InputType

Doubles = NDArray[np.float64]
PLAIN = PackageOptions()


def total(inputs: Sequence[Doubles]) -> list[float]:
    return [float(np.sum(each)) for each in inputs]


class Stump(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator of the operator's own."""

    def fit(self, inputs: Doubles, labels: Doubles) -> "Stump":
        self.classes_ = np.unique(labels)
        self.n_features_in_ = inputs.shape[1]
        return self

    def predict(self, inputs: Doubles) -> Doubles:
        return (inputs[:, 0] > 0).astype(np.float64)


class Doubler:
    """An object of the operator's own with the container's method."""

    def predict_batch(self, inputs: Doubles) -> Any:
        return inputs.sum(axis=1) * 2


class Foreign:
    """An object of another framework's shape."""

    def predict(self, inputs: Doubles) -> Any:
        return inputs.sum(axis=1) * 3


def fitted() -> LogisticRegression:
    inputs = np.array([[0.0, 1.0], [1.0, 0.0]])
    return LogisticRegression().fit(inputs, [0, 1])


def refusal(model: object, tmp_path: Path, options: PackageOptions = PLAIN) -> ClipperError:
    with pytest.raises(ClipperError) as caught:
        package(model, tmp_path / "bundle", options)
    return caught.value


def packaged(model: object, tmp_path: Path, options: PackageOptions = PLAIN) -> Manifest:
    manifest = package(model, tmp_path / "bundle", options)
    assert read_manifest(tmp_path / "bundle") == manifest
    return manifest


def test_function_is_pickled(tmp_path: Path) -> None:
    manifest = packaged(total, tmp_path, PackageOptions(example=[1, 2]))
    assert (manifest.framework, manifest.input_type, manifest.example) == ("python", InputType.DOUBLES, [1, 2])
    assert "cloudpickle" in manifest.versions
    assert try_packaged(total, PackageOptions(example=[1, 2])).alone == "3.0"


def test_function_alone_implies_no_example(tmp_path: Path) -> None:
    assert packaged(total, tmp_path).example is None


def test_closure_carries_what_it_refers_to(tmp_path: Path) -> None:
    weights = np.array([1.0, 10.0])
    assert try_packaged(lambda xs: xs @ weights, PackageOptions(example=[1, 2])).alone == "21.0"


@pytest.mark.parametrize(("model", "expected"), [(Doubler(), "6.0"), (Foreign(), "9.0"), (Foreign().predict, "9.0")])
def test_object_with_a_method_is_its_method(model: object, expected: str) -> None:
    assert try_packaged(model, PackageOptions(example=[1, 2])).alone == expected


def test_estimator_is_saved_with_an_example_of_zeros(tmp_path: Path) -> None:
    manifest = packaged(fitted(), tmp_path)
    assert (manifest.framework, manifest.entry, manifest.example) == ("sklearn", "model.skops", [0.0, 0.0])
    assert {"scikit-learn", "numpy"} <= manifest.versions.keys()
    assert load_model(tmp_path / "bundle", lambda: 0.0).input_type is InputType.DOUBLES


def test_estimator_of_integers_has_an_example_of_integers(tmp_path: Path) -> None:
    assert packaged(fitted(), tmp_path, PackageOptions(input_type="ints")).example == [0, 0]


def test_estimator_of_texts_has_the_example_it_is_given(tmp_path: Path) -> None:
    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(["good", "bad"], [1, 0])
    assert packaged(model, tmp_path, PackageOptions(input_type="strings")).example is None
    assert try_packaged(model, PackageOptions(input_type="strings", example="good")).alone == "1"


def test_scores_are_asked_for_by_name(tmp_path: Path) -> None:
    assert packaged(fitted(), tmp_path, PackageOptions(output="scores")).output == "scores"
    assert (try_packaged(fitted(), PackageOptions(output="scores")).alone or "").startswith("[")


def test_estimator_of_the_operators_own_travels_with_its_code(tmp_path: Path) -> None:
    model = Stump().fit(np.zeros((2, 3)), np.array([0.0, 1.0]))
    manifest = packaged(model, tmp_path)
    assert (manifest.framework, manifest.example) == ("python", [0.0, 0.0, 0.0])
    assert try_packaged(model, PLAIN).alone == "0.0"


def test_pipeline_with_a_part_of_the_operators_own_travels_with_its_code(tmp_path: Path) -> None:
    model = make_pipeline(Stump()).fit(np.zeros((2, 3)), np.array([0.0, 1.0]))
    assert packaged(model, tmp_path).framework == "python"


def test_unfitted_estimator_is_refused(tmp_path: Path) -> None:
    assert "call fit() first" in refusal(LogisticRegression(), tmp_path).message


@pytest.mark.parametrize("suffix", [".joblib", ".skops"])
def test_file_of_an_estimator_is_copied(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    joblib.dump(fitted(), path) if suffix == ".joblib" else skops.io.dump(fitted(), path)
    manifest = packaged(path, tmp_path)
    assert (manifest.framework, manifest.entry) == ("sklearn", f"model{suffix}")
    assert (tmp_path / "bundle" / manifest.entry).read_bytes() == path.read_bytes()
    assert try_packaged(str(path), PLAIN).alone in ("0", "1")


@pytest.mark.parametrize(("model", "framework"), [(fitted(), "sklearn"), (Doubler(), "python")])
def test_pickle_is_recognised_by_what_is_in_it(tmp_path: Path, model: object, framework: str) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    assert packaged(path, tmp_path).framework == framework


def test_pickle_that_does_not_load_comes_with_its_traceback(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"not a pickle")
    error = refusal(path, tmp_path)
    assert error.code is ErrorCode.MODEL_FAILED
    assert str(path) in error.message
    assert "Traceback" in error.detail


def test_bundle_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    first = package(total, tmp_path / "first", PackageOptions(example=[1], description="sums"))
    assert package(tmp_path / "first", tmp_path / "second", PLAIN) == first


def test_bundle_folder_is_changed_where_the_operator_says_so(tmp_path: Path) -> None:
    package(total, tmp_path / "first", PLAIN)
    options = PackageOptions(
        input_type="ints", example=[7], requirements=["numpy"], output="raw", description="sums of integers"
    )
    changed = package(str(tmp_path / "first"), tmp_path / "second", options)
    assert (changed.input_type, changed.example, changed.requirements) == (InputType.INTEGERS, [7], ("numpy",))
    assert (changed.output, changed.description) == ("raw", "sums of integers")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (3, "Invalid model: a int"),
        (LogisticRegression, "LogisticRegression is a class"),
        ({}, "expected a function, an object with a predict_batch"),
    ],
)
def test_what_does_not_predict_is_refused(tmp_path: Path, model: object, expected: str) -> None:
    assert expected in refusal(model, tmp_path).message


def test_missing_path_is_not_found(tmp_path: Path) -> None:
    error = refusal(tmp_path / "nothing.joblib", tmp_path)
    assert error.code is ErrorCode.NOT_FOUND
    assert "nothing.joblib" in error.message


def test_unknown_suffix_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.what").touch()
    assert "the suffix '.what' is known" in refusal(tmp_path / "model.what", tmp_path).message


def test_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    assert "Not a model bundle, nor a folder of any framework" in refusal(tmp_path, tmp_path).message


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (PackageOptions(input_type="floaty"), "input_type 'floaty'"),
        (PackageOptions(example="text"), "Invalid example"),
        (PackageOptions(example=object()), "Cannot be sent as JSON"),
        (PackageOptions(output="best"), "output"),
        (PackageOptions(requirements=[" "]), "requirements"),
    ],
)
def test_what_is_said_of_a_model_is_checked(tmp_path: Path, options: PackageOptions, expected: str) -> None:
    assert expected in refusal(total, tmp_path, options).message


def test_what_cannot_be_pickled_says_what_to_do(tmp_path: Path) -> None:
    lock = threading.Lock()

    def guarded(inputs: Any) -> Any:
        with lock:
            return inputs

    error = refusal(guarded, tmp_path)
    assert "create it inside the function" in error.message
    assert "cannot pickle" in error.detail


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda xs: [1 / 0 for _ in xs], "ZeroDivisionError"),
        (lambda xs: [1], "1 outputs, expected 3"),
        (lambda xs: [float("nan") for _ in xs], "JSON"),
    ],
)
def test_function_that_fails_its_example_is_told_before_it_is_sent(
    function: Callable[[Any], Any], expected: str
) -> None:
    with pytest.raises(ClipperError) as caught:
        try_packaged(function, PackageOptions(example=[1.0]))
    assert caught.value.code is ErrorCode.MODEL_FAILED
    assert expected in caught.value.message


def test_operators_function_stands_beside_a_model_that_is_one_too(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    manifest = package(lambda inputs: inputs, bundle, PackageOptions(function=lambda model, inputs: model(inputs)))
    assert manifest.entry != manifest.function
    assert (bundle / manifest.entry).is_file()
    assert (bundle / manifest.function).is_file()
