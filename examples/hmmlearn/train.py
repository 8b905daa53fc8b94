"""Trains a hidden Markov model for each of three words with hmmlearn: python train.py FOLDER."""

import pickle
import sys
from pathlib import Path

import numpy as np
from hmmlearn.hmm import GaussianHMM
from numpy.typing import NDArray

WORDS = ("yes", "no", "maybe")
SIZE, STATES = 6, 3


def utterance(word: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Feature vectors as of speech: three sounds of different lengths after each other."""
    sounds = np.random.default_rng(word).normal(0, 1, (STATES, SIZE))
    frames: NDArray[np.float64] = np.repeat(sounds, random.integers(3, 9, STATES), axis=0)
    return frames + random.normal(0, 0.7, frames.shape)


def train() -> dict[str, GaussianHMM]:
    random = np.random.default_rng(10)
    models = {}
    for place, word in enumerate(WORDS):
        examples = [utterance(place, random) for _ in range(20)]
        model = GaussianHMM(STATES, "diag", n_iter=5, random_state=0)
        models[word] = model.fit(np.concatenate(examples), [len(each) for each in examples])
    return models


def main(folder: Path) -> None:
    (folder / "words.pkl").write_bytes(pickle.dumps(train()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
