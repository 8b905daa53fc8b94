"""`clipper bench` against a real server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from clipper.client import Clipper
from tests.e2e.operators.conftest import DEADLINE_S


def total(inputs: list[list[float]]) -> list[float]:
    return [float(sum(each)) for each in inputs]


@pytest.fixture(scope="module")
def adder(home: Path) -> Path:
    with connected(home) as client:
        client.register_application("adder", "doubles", "-1", 1_000_000)
        client.deploy_model("sum", 1, total, "doubles", example=[1.0, 2.0], app_name="adder")
    return home


def connected(home: Path) -> Clipper:
    from clipper.client import connect

    return connect(home)


def bench(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "clipper", "bench", "adder", "--home", str(home), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)


@pytest.mark.parametrize("rate", ["poisson:200", "constant:200", "closed:4"])
def test_bench_says_what_became_of_all_queries(adder: Path, rate: str) -> None:
    done = bench(adder, "--rate", rate, "--duration", "1", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["sent"] > 100
    assert outcome["slo_ms"] == 1000.0
    assert (outcome["errors"], outcome["lost"], outcome["good"]) == (0, 0, 1.0)


def test_bench_replays_a_trace_and_draws_a_histogram(adder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "counts"
    trace.write_text("5\n1\n")
    done = bench(adder, "--trace", str(trace), "--rate", "poisson:100", "--duration", "1", "--slo", "500")
    assert done.returncode == 0, done.stderr
    assert "answered by a model within 500 ms" in done.stdout
    assert " ms  █" in done.stdout


def test_bench_sends_the_inputs_of_a_file(adder: Path, tmp_path: Path) -> None:
    file = tmp_path / "inputs"
    file.write_text("[1, 2]\n[3]\n")
    done = bench(adder, "--inputs", str(file), "--duration", "0.3")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--rate", "fast"), "expected poisson:N"),
        (("--input", '"text"'), "expected a JSON list"),
        (("--trace", "/nowhere"), "no such file"),
        (("--input", "[1]", "--inputs", "f"), "either --input or --inputs"),
    ],
)
def test_bench_refuses_what_it_cannot_send(adder: Path, arguments: tuple[str, ...], why: str) -> None:
    done = bench(adder, *arguments)
    assert done.returncode == 1
    assert why in done.stderr
