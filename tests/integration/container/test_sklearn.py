"""Real scikit-learn estimators, from the file a user saves to predictions of a container."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from clipper.container.bundle import Manifest, write_bundle
from clipper.container.failures import ModelError, Stage
from clipper.container.model import answer_example, load_model
from clipper.core.inputs import DType, InputType
from clipper.wire.batches import InputBatch, ItemFailure
from tests.container_client import running

X, Y = load_digits(return_X_y=True)
X, Y = X[:300], Y[:300]


def clock() -> float:
    return 0.0


def bundle(folder: Path, estimator: object, suffix: str = "joblib", **fields: Any) -> Path:
    saved = folder.with_suffix(f".{suffix}")
    (skops.io.dump if suffix == "skops" else joblib.dump)(estimator, saved)
    settings = {"framework": "sklearn", "entry": f"model.{suffix}", "input_type": InputType.DOUBLES, **fields}
    write_bundle(folder, Manifest(**settings), {f"model.{suffix}": saved})
    return folder


def pipeline() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(X, Y)


def forest(jobs: int | None = -1) -> RandomForestClassifier:
    return RandomForestClassifier(5, n_jobs=jobs, random_state=0)


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(folder, clock)
    assert caught.value.stage is Stage.LOAD
    return caught.value.message


@pytest.mark.parametrize("suffix", ["joblib", "skops"])
def test_container_predicts_what_the_estimator_predicts(suffix: str, tmp_path: Path) -> None:
    estimator = make_pipeline(StandardScaler(), forest()).fit(X, Y)
    folder = bundle(tmp_path / "a", estimator, suffix, example=X[0].tolist())
    with running(folder) as container, container.link() as client:
        assert client.predict(*X[:20]) == [b"%d" % label for label in estimator.predict(X[:20])]
        bad = client.predict(X[0], [1.0, 2.0])
        assert bad[0] == b"%d" % Y[0]
        assert isinstance(bad[1], ItemFailure)
        assert bad[1].message == "The input has the shape 2, and the model takes 64"


MODULES_AFTER_LOADING = """
import gc, sys
from pathlib import Path
from clipper.container.__main__ import _warm_model
_warm_model(Path(sys.argv[1]))
assert gc.isenabled() and gc.get_freeze_count()
from sklearn.utils import all_estimators
before = set(sys.modules)
assert len(all_estimators()) > 100
print(*before)
"""


def test_start_imports_what_the_model_needs_and_not_every_estimator(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "a", pipeline(), "skops", example=X[0].tolist())
    command = [sys.executable, "-c", MODULES_AFTER_LOADING, str(folder)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert "sklearn.linear_model" in loaded
    assert not {"pytest", "sklearn.gaussian_process", "sklearn.naive_bayes"}.intersection(loaded)


def test_images_are_flattened_to_rows_of_features(tmp_path: Path) -> None:
    model = load_model(bundle(tmp_path / "a", pipeline(), example=X[0].reshape(8, 8).tolist()), clock)
    assert model.example is not None
    assert model.example.shape == (8, 8)
    assert answer_example(model, model.example, 2) == [str(Y[0])] * 2


def test_raw_output_is_probabilities_or_distances_or_predictions(tmp_path: Path) -> None:
    def first(name: str, estimator: Any, labels: Any = Y) -> Any:
        model = load_model(bundle(tmp_path / name, estimator.fit(X, labels), output="raw"), clock)
        (outcome,) = model.predict(batch_of(X[0]))
        assert isinstance(outcome, bytes)
        return np.fromstring(outcome.decode().strip("[]"), sep=",")

    assert first("tree", DecisionTreeClassifier()).sum() == pytest.approx(1.0)
    assert first("svm", LinearSVC()).shape == (10,)
    assert first("line", LinearRegression(), Y * 1.5).shape == (1,)


def batch_of(row: Any) -> InputBatch:
    payload = np.asarray(row, np.float64).tobytes()
    return InputBatch(DType.FLOAT64, 1, [(len(row),)], memoryview(payload))


def test_texts_reach_a_pipeline_of_texts(tmp_path: Path) -> None:
    texts = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["good fun", "bad bore"], ["+", "-"])
    model = load_model(bundle(tmp_path / "a", texts, input_type=InputType.STRINGS, example="good"), clock)
    assert model.example is not None
    assert answer_example(model, model.example, 2) == ['"+"', '"+"']


def test_example_is_made_from_the_number_of_features(tmp_path: Path) -> None:
    example = load_model(bundle(tmp_path / "a", pipeline(), input_type=InputType.FLOATS), clock).example
    assert example is not None
    assert (example.dtype, example.shape, len(example.payload)) == (DType.FLOAT32, (64,), 256)


def test_example_of_another_size_is_refused(tmp_path: Path) -> None:
    message = refusal(bundle(tmp_path / "a", pipeline(), example=[1.0, 2.0]))
    assert message == "The example has 2 numbers and the estimator was fitted on 64 features"


# --- threads ---------------------------------------------------------------------------------------------------------


def jobs_inside(part: Any) -> list[Any]:
    """`n_jobs` of every forest in a fitted model, wherever it is kept."""
    if isinstance(part, list | tuple):
        return [jobs for each in part for jobs in jobs_inside(each)]
    own = [part.n_jobs] if isinstance(part, RandomForestClassifier) else []
    fitted = ("steps", "best_estimator_", "estimators_", "final_estimator_", "calibrated_classifiers_", "estimator")
    return own + [jobs for name in fitted for jobs in jobs_inside(getattr(part, name, []))]


@pytest.mark.parametrize(
    "estimator",
    [
        forest(),
        forest(2),
        make_pipeline(StandardScaler(), forest()),
        GridSearchCV(forest(), {"max_depth": [2]}, cv=2, n_jobs=1),
        StackingClassifier([("a", make_pipeline(StandardScaler(), forest()))], DecisionTreeClassifier(), cv=2),
        CalibratedClassifierCV(forest(), cv=2),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_part_predicts_with_one_thread(estimator: Any, tmp_path: Path) -> None:
    fitted = estimator.fit(X, Y)
    assert set(jobs_inside(fitted)) & {-1, 2}
    folder = bundle(tmp_path / "a", fitted)
    loaded: list[Any] = []
    original = joblib.load

    def remember(path: Path) -> Any:
        loaded.append(original(path))
        return loaded[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joblib, "load", remember)
        model = load_model(folder, clock)
    assert set(jobs_inside(loaded[0])) == {1}
    assert model.predict(batch_of(X[0])) == [b"%d" % fitted.predict(X[:1])[0]]


# --- what is refused -------------------------------------------------------------------------------------------------

SAVE_AS_ANOTHER_VERSION = """
import sys, joblib, skops.io, sklearn, sklearn.base
from sklearn.tree import DecisionTreeClassifier
sklearn.base.__version__ = "1.2.3"
tree = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])
joblib.dump(tree, sys.argv[1])
skops.io.dump(tree, sys.argv[2])
"""


def test_model_of_another_version_is_refused_with_both_versions(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("m.joblib", "m.skops")]
    subprocess.run([sys.executable, "-c", SAVE_AS_ANOTHER_VERSION, *paths], check=True, timeout=60)
    import sklearn

    for suffix in ("joblib", "skops"):
        manifest = Manifest(framework="sklearn", entry=f"m.{suffix}", input_type=InputType.DOUBLES)
        write_bundle(tmp_path / suffix, manifest, {f"m.{suffix}": tmp_path / f"m.{suffix}"})
        message = refusal(tmp_path / suffix)
        assert "DecisionTreeClassifier was saved by scikit-learn 1.2.3" in message
        assert f"this is scikit-learn {sklearn.__version__}" in message
        assert "requirements=['scikit-learn==1.2.3']" in message


def test_skops_file_with_unknown_types_is_refused_by_name(tmp_path: Path) -> None:
    transformer = make_pipeline(FunctionTransformer(os.getcwd), LogisticRegression())
    message = refusal(bundle(tmp_path / "a", transformer, "skops"))
    assert "holds types that are not trusted: " in message
    assert "getcwd" in message


def test_what_cannot_predict_is_refused(tmp_path: Path) -> None:
    assert "holds a StandardScaler, expected an estimator with predict" in refusal(
        bundle(tmp_path / "a", StandardScaler().fit(X))
    )


def test_estimator_that_was_not_fitted_fails_its_example(tmp_path: Path) -> None:
    with running(bundle(tmp_path / "a", LogisticRegression(), example=[1.0])) as container:
        assert container.exit_code() == 5
        assert "NotFittedError" in container.log


@pytest.mark.parametrize("suffix", ["joblib", "skops"])
def test_corrupt_file_is_a_load_failure(suffix: str, tmp_path: Path) -> None:
    manifest = Manifest(framework="sklearn", entry=f"m.{suffix}", input_type=InputType.DOUBLES)
    write_bundle(tmp_path / "a", manifest, {f"m.{suffix}": b"junk"})
    assert f"Loading m.{suffix} failed: " in refusal(tmp_path / "a")
