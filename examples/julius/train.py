"""Trains word models with hmmlearn, and makes a bundle of them for Julius: python -m examples.julius.train FOLDER."""

import base64
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from hmmlearn.hmm import GaussianHMM
from numpy.typing import NDArray

from examples.hmmlearn.train import SIZE, STATES, WORDS, train, utterance
from examples.htk.train import definitions
from examples.julius.model import HEADER

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "frameworks" / "julius.txt"
CONTAINER = ROOT / "containers" / "python-legacy" / "clipper_container.py"

USER_KIND = 9
"""Vectors that are what we say they are."""

STEP = 100_000
"""Between two vectors, in 100 ns."""


def silence(random: np.random.Generator) -> NDArray[np.float64]:
    frames: NDArray[np.float64] = random.normal(0, 0.3, (random.integers(5, 12), SIZE))
    return frames


def silence_model() -> GaussianHMM:
    random = np.random.default_rng(11)
    examples = [silence(random) for _ in range(20)]
    model = GaussianHMM(STATES, "diag", n_iter=5, random_state=0)
    return model.fit(np.concatenate(examples), [len(each) for each in examples])


def recording(word: int, random: np.random.Generator) -> bytes:
    """A word between silences, as one of HTK's parameter files."""
    frames = np.concatenate([silence(random), utterance(word, random), silence(random)])
    return HEADER.pack(len(frames), STEP, 4 * SIZE, USER_KIND) + frames.astype(">f4").tobytes()


def manifest() -> dict[str, object]:
    lines = REQUIREMENTS.read_text().splitlines()
    example = recording(0, np.random.default_rng(12))
    return {
        "format": 1,
        "framework": "command",
        "command": ["python", CONTAINER.name, "model.py"],
        "entry": "hmmdefs",
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "requirements": [line for line in lines if not line.startswith("#")],
        "input_type": "bytes",
        "output": "raw",
        "example": base64.b64encode(example).decode(),
    }


def main(folder: Path) -> None:
    bundle = folder / "bundle"
    bundle.mkdir()
    (bundle / "hmmdefs").write_text(definitions({**train(), "sil": silence_model()}))
    (bundle / "dictionary").write_text("".join(f"{word.upper()} [{word}] {word}\n" for word in WORDS))
    for file in (Path(__file__).with_name("model.py"), CONTAINER):
        shutil.copy(file, bundle)
    (bundle / "manifest.json").write_text(json.dumps(manifest()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
