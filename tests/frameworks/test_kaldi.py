"""Kaldi's Gaussian mixtures and features, in an environment with nothing else, against its own answers."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipper.core.errors import ErrorCode
from tests.frameworks.bench import Bench, close

TOLERANCE = 0.1
"""Of logarithms of about -35, from the formula in 64 bits: Kaldi adds products of thousands in 32."""


@pytest.fixture(scope="module")
def bench(bench_of: Callable[..., Bench]) -> Bench:
    return bench_of("kaldi")


@pytest.fixture(scope="module")
def recordings(bench: Bench, answers: list[dict[str, Any]]) -> list[bytes]:
    return [(bench.folder / f"{place}.wav").read_bytes() for place in range(len(answers))]


@pytest.fixture(scope="module")
def spoken(bench: Bench) -> str:
    return bench.deploy("spoken", bench.folder / "bundle", requirements=())


def test_recordings_are_heard_as_by_kaldi_itself(
    bench: Bench, spoken: str, recordings: list[bytes], answers: list[dict[str, Any]]
) -> None:
    found = bench.outputs(spoken, recordings)
    words, scores = [each["word"] for each in found], [each["score"] for each in found]
    assert words == [each["word"] for each in answers]
    close(scores, np.array([each["score"] for each in answers]), 1e-9)
    close(scores, np.array([each["exact"] for each in answers]), TOLERANCE)
    assert np.mean([word == ("yes", "no", "maybe")[place % 3] for place, word in enumerate(words)]) > 0.9


def test_what_is_no_recording_is_told_so_and_leaves_its_mates_alone(
    bench: Bench, spoken: str, recordings: list[bytes]
) -> None:
    good = recordings[0]
    found = bench.predictions(spoken, [good, good[:20], good[:44], good])
    assert found[0].output == found[3].output == bench.outputs(spoken, [good])[0]
    assert "no WAV file" in str(found[1].default_explanation)
    assert found[2].default
    assert "25 ms" in str(found[2].default_explanation)


def test_damaged_model_is_refused(bench: Bench, tmp_path: Path) -> None:
    damaged = shutil.copytree(bench.folder / "bundle", tmp_path / "bundle")
    model = damaged / "words.pkl"
    model.write_bytes(model.read_bytes()[:500])
    refusal = bench.refusal(damaged, requirements=())
    assert refusal.code is ErrorCode.MODEL_FAILED
    assert "pickle" in refusal.message + refusal.detail
