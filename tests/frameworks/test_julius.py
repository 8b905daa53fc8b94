"""Julius beside a container, on definitions and parameter files as HTK has them, against itself and our recogniser."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from clipper.client import Clipper
from clipper.core.errors import ErrorCode
from examples.hmmlearn.train import WORDS
from examples.julius import train
from tests.frameworks import environments
from tests.frameworks.bench import INPUTS, Bench, close

TOLERANCE = 0.001
"""Of logarithms to base 10 of about -70: Julius adds in 32 bits, from tables."""


@pytest.fixture(scope="module")
def bench(clipper: Clipper, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("julius")
    train.main(folder)
    return Bench("julius", clipper, folder)


@pytest.fixture(scope="module")
def recordings() -> list[bytes]:
    random = np.random.default_rng(20)
    return [train.recording(place % len(WORDS), random) for place in range(INPUTS)]


@pytest.fixture(scope="module")
def spoken(bench: Bench) -> str:
    return bench.deploy("spoken", bench.folder / "bundle")


def heard_by_julius(home: Path, bundle: Path, recordings: list[bytes]) -> list[tuple[str, float]]:
    """Of all files in one run of the program itself."""
    site_packages = environments.python_for("julius", home).parents[1] / "lib"
    [program] = site_packages.glob("python*/site-packages/PySegmentKit/bin/linux/julius")
    program.chmod(0o755)
    folder = bundle.parent / "recordings"
    folder.mkdir()
    for place, content in enumerate(recordings):
        (folder / f"{place}.mfc").write_bytes(content)
    names = folder / "names"
    names.write_text("".join(f"{folder / f'{place}.mfc'}\n" for place in range(len(recordings))))
    options = ["-h", "hmmdefs", "-w", "dictionary", "-wsil", "sil", "sil", "NULL", "-input", "mfcfile"]
    command = [str(program), *options, "-filelist", str(names)]
    said = subprocess.run(command, cwd=bundle, check=True, capture_output=True, text=True).stdout
    words = re.findall(r"^sentence1: (\S+)$", said, re.MULTILINE)
    return list(zip(words, map(float, re.findall(r"^score1: (\S+)$", said, re.MULTILINE)), strict=True))


def test_recordings_are_heard_as_by_julius_itself(
    bench: Bench, spoken: str, recordings: list[bytes], home: Path
) -> None:
    found = bench.outputs(spoken, recordings)
    assert [(each["word"], each["score"]) for each in found] == heard_by_julius(
        home, bench.folder / "bundle", recordings
    )
    assert np.mean([each["word"] == WORDS[place % len(WORDS)] for place, each in enumerate(found)]) > 0.95


def test_our_recogniser_hears_the_same_with_the_same_files(bench: Bench, spoken: str, recordings: list[bytes]) -> None:
    own = bench.folder / "own"
    own.mkdir()
    shutil.copy(bench.folder / "bundle" / "hmmdefs", own)
    name = bench.deploy("own", own / "hmmdefs", requirements=(), input_type="bytes", output="raw")
    found, expected = bench.outputs(name, recordings), bench.outputs(spoken, recordings)
    assert [each["word"] for each in found] == [each["word"] for each in expected]
    scores = [each["score"] / np.log(10) for each in found]
    close(scores, np.array([each["score"] for each in expected]), TOLERANCE)


def test_files_it_cannot_hear_are_told_why_and_leave_their_mates_alone(
    bench: Bench, spoken: str, recordings: list[bytes]
) -> None:
    good = recordings[0]
    of_speech = good[:10] + b"\0\6" + good[12:]
    found = bench.predictions(spoken, [good, good[:-4], of_speech, good])
    assert [each.output for each in (found[0], found[3])] == bench.outputs(spoken, [good, good])
    assert "no HTK parameter file of vectors of 6 numbers" in str(found[1].default_explanation)
    assert "incompatible parameter type" in str(found[2].default_explanation)


def test_damaged_definitions_are_refused_with_what_julius_says(bench: Bench, tmp_path: Path) -> None:
    damaged = shutil.copytree(bench.folder / "bundle", tmp_path / "bundle")
    definitions = damaged / "hmmdefs"
    definitions.write_text(definitions.read_text()[:2000])
    refusal = bench.refusal(damaged)
    assert refusal.code is ErrorCode.MODEL_FAILED
    assert "missing MEAN element" in refusal.message + refusal.detail
