"""The TIMIT sample: phones of 16 speakers of 8 dialects, each as a vector of numbers."""

import io
import tarfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.selection.streams import Labels

FILE = "timit_sample.tar.xz"
RATE, FRAME, HOP, SPECTRUM = 16_000, 400, 160, 512
FILTERS, COEFFICIENTS = 26, 13
SILENCES = {"h#", "pau", "epi", "q"}
SAME_PHONES = {  # the usual 39 classes (Lee and Hon 1989)
    "ao": "aa", "ax": "ah", "ax-h": "ah", "axr": "er", "hv": "hh", "ix": "ih", "el": "l", "em": "m", "en": "n",
    "nx": "n", "eng": "ng", "zh": "sh", "ux": "uw", "pcl": "cl", "tcl": "cl", "kcl": "cl", "bcl": "cl", "dcl": "cl",
    "gcl": "cl",
}  # fmt: skip

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Speaker:
    """Phones in the order in which they were spoken; `utterances` has the number of each one's sentence."""

    name: str
    dialect: int
    rows: Rows
    phones: Labels
    utterances: Labels


def speakers(path: Path) -> list[Speaker]:
    """All of them."""
    files = _read(path)
    filters = _mel_filters()
    known: dict[str, int] = {}
    found = []
    for name in sorted({name.split("/")[1] for name in files if name.endswith(".wav")}):
        rows, phones, utterances = [], [], []
        sentences = sorted(file for file in files if f"/{name}/" in file and file.endswith(".wav"))
        for number, sentence in enumerate(sentences):
            coefficients = _coefficients(files[sentence], filters)
            for line in files[sentence.removesuffix("wav") + "phn"].decode().splitlines():
                start, end, phone = line.split()
                if phone not in SILENCES:
                    rows.append(_vector(coefficients, int(start), int(end)))
                    phones.append(known.setdefault(SAME_PHONES.get(phone, phone), len(known)))
                    utterances.append(number)
        found.append(Speaker(name, int(name[2]), np.array(rows), np.array(phones), np.array(utterances)))
    return found


def _read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        contents = ((member.name, archive.extractfile(member)) for member in archive if member.isfile())
        return {name: file.read() for name, file in contents if file is not None and name.endswith((".wav", ".phn"))}


def _coefficients(sound: bytes, filters: Rows) -> Rows:
    """Mel-frequency cepstral coefficients and their changes, one row for each 10 ms."""
    with wave.open(io.BytesIO(sound)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    sharpened = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(sharpened, FRAME)[::HOP] * np.hamming(FRAME)
    power = np.abs(np.fft.rfft(frames, SPECTRUM)) ** 2
    cepstrum = np.log(power @ filters.T + 1.0) @ _cosines().T
    return np.hstack([cepstrum, np.gradient(cepstrum, axis=0)])


def _cosines() -> Rows:
    """The first rows of a discrete cosine transform."""
    places = (np.arange(FILTERS) + 0.5) * np.pi / FILTERS
    cosines = np.sqrt(2 / FILTERS) * np.cos(np.arange(COEFFICIENTS)[:, None] * places)
    return np.asarray(cosines, np.float64)


def _vector(coefficients: Rows, start: int, end: int) -> Rows:
    """The means of a phone's three thirds, and how long it is."""
    first = min(start // HOP, len(coefficients) - 1)
    last = min(max(first + 1, end // HOP), len(coefficients))
    thirds = np.array_split(coefficients[first:last], 3)
    middle = coefficients[first:last].mean(axis=0)
    means = [third.mean(axis=0) if len(third) else middle for third in thirds]
    return np.append(np.concatenate(means), np.log(end - start))


def _mel_filters() -> Rows:
    """Triangles, evenly spaced as one hears."""
    mels = np.linspace(0.0, 2595 * np.log10(1 + RATE / 2 / 700), FILTERS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.arange(SPECTRUM // 2 + 1) * RATE / SPECTRUM
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.clip(np.minimum(rising, falling), 0.0, None)
