"""Models of another server, over real sockets, by the Open Inference Protocol: the same answers, and bounded waits."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipper.client.packaging import PackageOptions, package
from clipper.container.failures import ModelError
from clipper.container.model import Model, answer_example, load_model
from clipper.core.inputs import DType
from clipper.wire.batches import InputBatch, ItemFailure
from tests.inference_server import InferenceServer, Served, serving

INPUTS = np.random.default_rng(0).random((1000, 8), np.float32)
WEIGHTS = np.random.default_rng(1).random((8, 3), np.float32)


def scores(batch: Any) -> dict[str, Any]:
    if (batch[:, 0] > 100).any():
        raise ValueError("the first number is too large")
    return {"scores": batch @ WEIGHTS}


def describe(texts: list[str]) -> dict[str, Any]:
    return {
        "upper": np.array([each.upper() for each in texts], object),
        "size": np.array([len(each) for each in texts]),
    }


@pytest.fixture
def server() -> Iterator[InferenceServer]:
    dense = Served(scores, [{"name": "x", "datatype": "FP32", "shape": [-1, 8]}])
    texts = Served(describe, [{"name": "text", "datatype": "BYTES", "shape": [-1]}])
    pair = Served(scores, [{"name": name, "datatype": "FP32", "shape": [-1, 8]} for name in ("a", "b")])
    with serving(InferenceServer({"dense": dense, "texts": texts, "silent": Served(scores), "pair": pair})) as made:
        yield made


def loaded(folder: Path, model: object, **options: Any) -> Model:
    package(model, folder / "bundle", PackageOptions(**{"output": "scores", "input_type": "floats", **options}))
    return load_model(folder / "bundle", time.monotonic)


def asked(model: Model, rows: Any) -> list[Any]:
    rows = np.asarray(rows, np.float32)
    batch = InputBatch(DType.FLOAT32, len(rows), [rows.shape[1:]], memoryview(rows.tobytes()))
    return [each if isinstance(each, ItemFailure) else json.loads(each) for each in model.predict(batch)]


@pytest.mark.parametrize("extensions", [(), ("binary_tensor_data",)])
def test_answers_are_the_servers(server: InferenceServer, extensions: tuple[str, ...], tmp_path: Path) -> None:
    server.extensions = extensions
    answers = asked(loaded(tmp_path, server.url("dense")), INPUTS)
    assert np.array_equal(np.array(answers, np.float32), INPUTS @ WEIGHTS)
    ((headers, size),) = server.requests
    assert ("Inference-Header-Content-Length" in headers) == bool(extensions)
    assert (size < 1.1 * INPUTS.nbytes) == bool(extensions)


@pytest.mark.parametrize("extensions", [(), ("binary_tensor_data",)])
def test_texts_and_several_outputs(server: InferenceServer, extensions: tuple[str, ...], tmp_path: Path) -> None:
    server.extensions = extensions
    model = loaded(tmp_path, server.url("texts"), input_type="strings", example="grün", output="raw")
    assert model.example is not None
    assert [json.loads(each) for each in answer_example(model, model.example, 2)] == [{"upper": "GRÜN", "size": 4}] * 2


def test_labels_are_the_classes_of_the_highest_scores(server: InferenceServer, tmp_path: Path) -> None:
    model = loaded(tmp_path, server.url("dense"), output="labels")
    assert asked(model, INPUTS) == (INPUTS @ WEIGHTS).argmax(axis=1).tolist()


def test_model_that_does_not_describe_itself_is_asked_all_the_same(server: InferenceServer, tmp_path: Path) -> None:
    assert len(asked(loaded(tmp_path, server.url("silent")), INPUTS)) == 1000


def test_input_the_server_refuses_fails_alone_with_its_reason(server: InferenceServer, tmp_path: Path) -> None:
    rows = INPUTS[:4].copy()
    rows[1, 0] = 101
    first, bad, *others = asked(loaded(tmp_path, server.url("dense")), rows)
    assert np.allclose([first, *others], rows[[0, 2, 3]] @ WEIGHTS)
    assert bad.message.endswith("The server answered 400: the first number is too large")


def test_input_of_another_shape_is_told_so(server: InferenceServer, tmp_path: Path) -> None:
    (bad,) = asked(loaded(tmp_path, server.url("dense")), INPUTS[:1, :3])
    assert bad == ItemFailure("The input has the shape 3, and the model takes 8")


def test_connection_that_the_server_closed_is_made_again(server: InferenceServer, tmp_path: Path) -> None:
    server.closes = True
    model = loaded(tmp_path, server.url("dense"))
    for _ in range(3):
        assert len(asked(model, INPUTS[:2])) == 2


def test_server_that_is_gone_costs_a_batch_one_wait_and_is_found_again(tmp_path: Path) -> None:
    server = InferenceServer({"dense": Served(scores, [{"name": "x", "datatype": "FP32", "shape": [-1, 8]}])})
    with serving(server):
        model = loaded(tmp_path, server.url("dense"))
    start = time.monotonic()
    failures = asked(model, INPUTS)
    assert time.monotonic() - start < 5.0
    assert {type(each) for each in failures} == {ItemFailure}
    assert f"The server at http://127.0.0.1:{server.port} does not answer" in failures[0].message
    with serving(server):
        deadline = time.monotonic() + 10.0
        while isinstance(asked(model, INPUTS[:1])[0], ItemFailure):
            assert time.monotonic() < deadline


def test_response_that_never_ends_is_given_up_in_time(server: InferenceServer, tmp_path: Path) -> None:
    remote = tmp_path / "remote.json"
    remote.write_text(json.dumps({"url": server.url("dense"), "timeout_s": 0.3}))
    model = loaded(tmp_path, remote)
    server.stalls = True
    start = time.monotonic()
    failures = asked(model, INPUTS[:64])
    assert 0.2 < time.monotonic() - start < 3.0  # once, not for each of 64
    assert "no answer in time" in failures[0].message


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("unknown", "answered 404 to GET /v2/models/unknown: no model at /v2/models/unknown"),
        ("pair", "The remote model takes a, b, expected one tensor"),
    ],
)
def test_what_cannot_be_served_is_refused(server: InferenceServer, model: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=why):
        loaded(tmp_path, server.url(model))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"url": "ftp://host/v2/models/m"}, "Invalid url"),
        ({"url": "http://host/v1/m"}, "Invalid url"),
        ({"url": "http://127.0.0.1:1/v2/models/m", "timeout_s": 0}, "Invalid timeout_s 0"),
        ({"url": "http://127.0.0.1:1/v2/models/m"}, "does not answer: ConnectionRefusedError"),
    ],
)
def test_wrong_address_is_refused(document: dict[str, Any], why: str, tmp_path: Path) -> None:
    (tmp_path / "right.json").write_text(json.dumps({"url": "http://127.0.0.1:1/v2/models/m"}))
    package(tmp_path / "right.json", tmp_path / "bundle", PackageOptions())
    (tmp_path / "bundle" / "remote.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match=why):
        load_model(tmp_path / "bundle", time.monotonic)
