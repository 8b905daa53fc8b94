"""A real MLServer and a real Triton behind Clipper: their models' answers, refusals, and absence."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError

import numpy as np
import pytest

from clipper.client import Clipper
from tests.frameworks.bench import INPUTS, Bench
from tests.frameworks.environments import ROOT, python_of, requirements_in

EXAMPLE = ROOT / "examples" / "openinference"
READY_S = 180.0
POLL_S = 0.1
PORTS = (
    "import socket; s = [socket.create_server(('127.0.0.1', 0)) for _ in 'ab']; print(*[e.getsockname()[1] for e in s])"
)


def python_with(server: str, home: Path) -> Path:
    return python_of(requirements_in(ROOT / "benchmarks" / "requirements" / f"{server}.txt"), home)


@pytest.fixture(scope="module")
def port() -> int:
    return int(subprocess.check_output([sys.executable, "-c", PORTS], text=True, timeout=30).split()[0])


@contextmanager
def mlserver(python: Path, folder: Path, port: int) -> Iterator[str]:
    """The URL of the example's model, served by MLServer."""
    grpc = subprocess.check_output([sys.executable, "-c", PORTS], text=True, timeout=30).split()[1]
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": int(grpc), "metrics_endpoint": None}
    folder.mkdir(exist_ok=True)
    for name in ("largest.py", "model-settings.json"):
        (folder / name).write_text((EXAMPLE / name).read_text())
    (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
    command = [str(python.with_name("mlserver")), "start", str(folder)]
    with answering(command, {"PYTHONPATH": str(folder)}, folder, port) as url:
        yield url


@contextmanager
def triton(python: Path, folder: Path, port: int) -> Iterator[str]:
    """The URL of a Python model, served by Triton."""
    folder.mkdir()
    command = [str(python), str(Path(__file__).with_name("own") / "triton.py"), str(port)]
    with (
        TemporaryDirectory(prefix="pt-") as workspace,  # of a short name: it holds sockets
        answering(command, {"PYTRITON_HOME": workspace}, folder, port) as url,
    ):
        yield url


@contextmanager
def answering(command: Sequence[str], variables: Mapping[str, str], folder: Path, port: int) -> Iterator[str]:
    """The URL of the model `largest` of a server, once it is ready."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/v2/models/largest"
    try:
        deadline = time.monotonic() + READY_S
        while not is_ready(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(POLL_S)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError, TimeoutError):
        return False


def test_triton_is_a_model_like_any_other(clipper: Clipper, home: Path, port: int, tmp_path: Path) -> None:
    bench = Bench("openinference", clipper, tmp_path)
    inputs = np.random.default_rng(0).random((INPUTS, 3), np.float32)
    with triton(python_with("pytriton", home), tmp_path / "triton", port) as url:
        name = bench.deploy("triton", url, requirements=[], input_type="floats", example=inputs[0])
        assert bench.outputs(name, inputs) == inputs.argmax(axis=1).tolist()
        first, bad, shape, last = bench.predictions(name, [[1, 2, 3], [1, -2, 3], [1, 2], [3, 2, 1]])
        assert [first.output, last.output] == [2, 0]
        assert "The server answered 500" in str(bad.default_explanation)
        assert "the model takes 3" in str(shape.default_explanation)


def test_mlserver_is_a_model_like_any_other(clipper: Clipper, home: Path, port: int, tmp_path: Path) -> None:
    python = python_with("mlserver", home)
    bench = Bench("openinference", clipper, tmp_path)
    inputs = np.random.default_rng(0).random((INPUTS, 3), np.float32)
    with mlserver(python, tmp_path / "mlserver", port) as url:
        name = bench.deploy("remote", url, requirements=[], input_type="floats", example=inputs[0])
        assert bench.outputs(name, inputs) == inputs.argmax(axis=1).tolist()
        first, bad, shape, last = bench.predictions(name, [[1, 2, 3], [1, -2, 3], [1, 2], [3, 2, 1]])
        assert [first.output, last.output] == [2, 0]
        assert "400: a number is below 0" in str(bad.default_explanation)
        assert "the model takes 3" in str(shape.default_explanation)
    start = time.monotonic()
    answers = bench.predictions(name, -1 - inputs[:50])
    assert all("does not answer" in str(each.default_explanation) for each in answers)
    assert time.monotonic() - start < 10.0
    with mlserver(python, tmp_path / "mlserver", port):
        deadline = time.monotonic() + 20.0
        while (found := bench.predictions(name, [[0.0, 0.0, time.monotonic()]])[0]).default:
            assert time.monotonic() < deadline, found.default_explanation
        assert found.output == 2
