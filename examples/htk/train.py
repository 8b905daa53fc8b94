"""Trains word models with hmmlearn and writes them as HTK has them, with a dictionary: python train.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
from hmmlearn.hmm import GaussianHMM

from examples.hmmlearn.train import SIZE, STATES, WORDS, train

LEAVING = 0.3
"""How probable it is to leave a word after its last state; hmmlearn's models have no end."""


def definitions(models: dict[str, GaussianHMM]) -> str:
    """A master macro file. The variances of the first state are shared as a macro, as HTK's tools tie them."""
    lines = ["~o", f"<STREAMINFO> 1 {SIZE}", f"<VECSIZE> {SIZE}<NULLD><USER><DIAGC>"]
    for word, model in models.items():
        variances = [np.diag(each) for each in model.covars_]
        lines += [f'~v "{word}_first"', f"<VARIANCE> {SIZE}", numbers(variances[0])]
        lines += [f'~h "{word}"', "<BEGINHMM>", f"<NUMSTATES> {STATES + 2}"]
        for state, (mean, variance) in enumerate(zip(model.means_, variances, strict=True)):
            lines += [f"<STATE> {state + 2}", f"<MEAN> {SIZE}", numbers(mean)]
            lines += [f'~v "{word}_first"'] if state == 0 else [f"<VARIANCE> {SIZE}", numbers(variance)]
        whole = np.zeros((STATES + 2, STATES + 2))
        whole[0, 1:-1] = model.startprob_
        whole[1:-1, 1:-1] = model.transmat_ * (1 - LEAVING)
        whole[1:-1, -1] = LEAVING
        lines += [f"<TRANSP> {STATES + 2}", *map(numbers, whole), "<ENDHMM>"]
    return "\n".join(lines) + "\n"


def numbers(vector: "np.typing.NDArray[np.float64]") -> str:
    return " ".join(f"{each:.17e}" for each in vector)


def main(folder: Path) -> None:
    (folder / "hmmdefs").write_text(definitions(train()))
    (folder / "dictionary").write_text("".join(f"{word.upper()} [{word}] {word}\n" for word in WORDS))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
