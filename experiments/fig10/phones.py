"""Phones of the TIMIT sample, by models of dialects and of all: `phones.py TIMIT.tar.xz OUTPUT.npz`.

Runs in an environment of its own, with hmmlearn. One of the two speakers of each dialect trains its model, and all of
these together the pooled one; the other speaks to them; then the other way round. Output: for each phone that was
spoken its speaker, utterance, label, dialect, and what each model (dialects, then pooled) took it for.
"""

import io
import sys
import tarfile
import warnings
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
from hmmlearn.hmm import GaussianHMM
from numpy.typing import NDArray
from scipy.fft import dct  # type: ignore[import-untyped]
from scipy.io import wavfile  # type: ignore[import-untyped]

Floats = NDArray[np.float64]

RATE, WINDOW, HOP, FILTERS, CEPSTRA, SPECTRUM = 16_000, 400, 160, 26, 13, 512
DIALECTS = 8
STATES, ITERATIONS, LEAST_FRAMES = 3, 6, 40  # of a phone's model; with fewer frames it has one state
FLOOR = 1.0  # of a variance: some phones are heard once
FOLDED = {  # the usual 39 classes (Lee and Hon, 1989)
    "ao": "aa", "ax": "ah", "ax-h": "ah", "axr": "er", "hv": "hh", "ix": "ih", "el": "l", "em": "m", "en": "n",
    "nx": "n", "eng": "ng", "zh": "sh", "ux": "uw", "pcl": "sil", "tcl": "sil", "kcl": "sil", "bcl": "sil",
    "dcl": "sil", "gcl": "sil", "h#": "sil", "pau": "sil", "epi": "sil",
}  # fmt: skip


class Phone(NamedTuple):
    """One phone as it was spoken, with its frames."""

    speaker: int
    utterance: int
    dialect: int
    label: str
    frames: Floats


def main(archive: str, output: str) -> None:
    phones = read(archive)
    names = sorted({each.label for each in phones})
    rows: list[tuple[int, ...]] = []
    for fold in (0, 1):
        known = [each for each in phones if each.speaker % 2 == fold]
        asked = [each for each in phones if each.speaker % 2 != fold]
        pooled = train(known, names, None)
        dialects = [train([each for each in known if each.dialect == d], names, pooled) for d in range(DIALECTS)]
        models = [Scorer(each) for each in (*dialects, pooled)]
        for each in asked:
            said = [int(model.likelihoods(each.frames).argmax()) for model in models]
            rows.append((each.speaker, each.utterance, each.dialect, names.index(each.label), *said))
    np.savez(output, rows=np.array(sorted(rows), np.int64), names=np.array(names))


def read(archive: str) -> list[Phone]:
    """All phones, by speaker and utterance. Speakers are numbered so that 2n and 2n + 1 are of dialect n."""
    with tarfile.open(archive) as tar:
        files = {name: tar.extractfile(name).read() for name in tar.getnames() if name.endswith((".phn", ".wav"))}  # type: ignore[union-attr]
    speakers = sorted({name.split("/")[1] for name in files})
    found = []
    for number, speaker in enumerate(speakers):
        spoken = sorted(name[:-4] for name in files if name.split("/")[1] == speaker and name.endswith(".wav"))
        for utterance, name in enumerate(spoken):
            frames = cepstra(wavfile.read(io.BytesIO(files[f"{name}.wav"]))[1].astype(np.float64))
            for line in files[f"{name}.phn"].decode().splitlines():
                start, end, label = line.split()
                first, last = int(start) // HOP, max(int(end) // HOP, int(start) // HOP + 2)
                if label != "q" and len(part := frames[first:last]) > 1:
                    found.append(Phone(number, utterance, number // 2, FOLDED.get(label, label), part))
    return found


def cepstra(samples: Floats) -> Floats:
    """Mel cepstra and their differences, a row every 10 ms. The mean stays: it is what tells speakers apart."""
    samples = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    starts = np.arange(0, len(samples) - WINDOW, HOP)
    windows = samples[starts[:, None] + np.arange(WINDOW)] * np.hamming(WINDOW)
    power = np.abs(np.fft.rfft(windows, SPECTRUM)) ** 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), FILTERS + 2) / 2595) - 1)
    places = np.fft.rfftfreq(SPECTRUM, 1 / RATE)
    rising = (places - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - places) / (edges[2:] - edges[1:-1])[:, None]
    mel = np.log(power @ np.maximum(0, np.minimum(rising, falling)).T + 1e-3)
    cepstrum = dct(mel, norm="ortho")[:, :CEPSTRA]
    return np.hstack([cepstrum, np.gradient(cepstrum, axis=0)])


def train(phones: list[Phone], names: list[str], spare: list[Any] | None) -> list[Any]:
    """A hidden Markov model for each phone; `spare`'s where nobody has said it."""
    parts = defaultdict(list)
    for each in phones:
        parts[each.label].append(each.frames)
    found = []
    for number, name in enumerate(names):
        if name not in parts:
            assert spare is not None
            found.append(spare[number])
            continue
        heard = np.concatenate(parts[name])
        states = STATES if len(heard) >= LEAST_FRAMES else 1
        model = GaussianHMM(states, "diag", n_iter=ITERATIONS, min_covar=FLOOR, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(heard, [len(part) for part in parts[name]])
        found.append(model)
    return found


class Scorer:
    """Trained models of all phones as arrays: hmmlearn checks too much for each of a million scores."""

    def __init__(self, models: list[Any]) -> None:
        size = (len(models), STATES)
        self.start, self.moves = np.full(size, -np.inf), np.full((*size, STATES), -np.inf)
        self.means, self.variances = np.zeros((*size, 2 * CEPSTRA)), np.ones((*size, 2 * CEPSTRA))
        for place, model in enumerate(models):
            states = len(model.startprob_)
            self.start[place, :states] = np.log(model.startprob_ + 1e-12)
            self.moves[place, :states, :states] = np.log(model.transmat_ + 1e-12)
            self.means[place, :states] = model.means_
            self.variances[place, :states] = np.maximum([np.diag(each) for each in model.covars_], FLOOR)
        self.constant = np.log(2 * np.pi * self.variances).sum(axis=2)

    def likelihoods(self, frames: Floats) -> Floats:
        """The logarithm of how likely each phone's model finds these frames."""
        left = ((frames[:, None, None, :] - self.means) ** 2 / self.variances).sum(axis=3) + self.constant
        reached = self.start - 0.5 * left[0]
        for each in left[1:]:
            reached = np.logaddexp.reduce(reached[:, :, None] + self.moves, axis=1) - 0.5 * each
        found: Floats = np.logaddexp.reduce(reached, axis=1)
        return found


if __name__ == "__main__":
    main(*sys.argv[1:])
