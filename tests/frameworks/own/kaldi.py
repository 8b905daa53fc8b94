"""Kaldi's own answers, and those of its formula in 64 bits: run with FOLDER."""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

from examples.kaldi import train
from examples.kaldi.model import WORDS, features

RECORDINGS = 100


def main(folder: Path) -> None:
    train.main(folder)
    model = pickle.loads((folder / "bundle" / "words.pkl").read_bytes())
    random = np.random.default_rng(3)
    recordings = [train.recording(place % len(WORDS), random) for place in range(RECORDINGS)]
    answers = []
    for each in recordings:
        frames = features(each)
        mixtures = [model.get_pdf(word) for word in range(len(WORDS))]
        by_word = [sum(map(mixture.log_likelihood, frames)) / len(frames) for mixture in mixtures]
        best = int(np.argmax(by_word))
        exact = formula(mixtures[best], frames.astype(float))
        answers.append({"word": WORDS[best], "score": by_word[best], "exact": exact})
    for place, each in enumerate(recordings):
        (folder / f"{place}.wav").write_bytes(each)
    (folder / "texts.json").write_text(json.dumps(answers))


def formula(mixture: Any, frames: "np.typing.NDArray[np.float64]") -> float:
    """The mean over frames of the logarithm of a sum of weighted Gaussians with diagonal covariances."""
    weights, means, inverse = (np.asarray(each, float) for each in (mixture.weights, mixture.means, mixture.inv_vars))
    distances = (np.square(frames[:, None] - means) * inverse).sum(axis=2)
    logarithms = np.log(weights) + 0.5 * np.log(inverse / (2 * np.pi)).sum(axis=1) - 0.5 * distances
    return float(np.logaddexp.reduce(logarithms, axis=1).mean())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
