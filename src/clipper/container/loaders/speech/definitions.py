"""HTK's master macro files (MMF): hidden Markov models in text, as the HTK book's chapter on definition files has them.

Read are `~h` models and the macros they share (`~s` states, `~m` mixtures, `~u` means, `~v` variances, `~t`
transitions), with diagonal covariances or their inverses, in one stream. What else they may hold is refused by name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipper.core.errors import ClipperError, invalid

Vector = NDArray[np.float64]

_TOKEN = re.compile(r'"[^"]*"|<[^>]*>|~\w|[^\s<>"~]+')


@dataclass(frozen=True)
class Mixture:
    """Weighted Gaussians with diagonal covariances: one row for each."""

    weights: Vector
    means: Vector
    variances: Vector


@dataclass(frozen=True)
class Hmm:
    """A model: its emitting states, and the probabilities of going from each state to each, entry and exit included."""

    states: tuple[Mixture, ...]
    transitions: Vector


@dataclass(frozen=True)
class Definitions:
    """All models of a file, by name, and the length of the vectors they are of."""

    models: dict[str, Hmm]
    vector_size: int


def read_definitions(text: str) -> Definitions:
    """Raises INVALID_ARGUMENT naming the place for what is no MMF, or has parts that are not read."""
    reader = _Reader(text)
    try:
        reader.read()
    except (StopIteration, ValueError, KeyError, IndexError) as error:
        raise reader.refusal(str(error) or "it ends too early") from None
    if not reader.models:
        raise invalid("Not an HTK definition file: there is no model (~h) in it")
    size = next(iter(reader.models.values())).states[0].means.shape[1]
    return Definitions(reader.models, size)


class _Reader:
    """Goes over the words of one file."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0
        self._macros: dict[tuple[str, str], Any] = {}
        self.models: dict[str, Hmm] = {}

    def refusal(self, why: str) -> ClipperError:
        near = " ".join(self._tokens[max(0, self._at - 3) : self._at + 1])
        return invalid(f"Not an HTK definition file that can be read, near {near[:80]!r}: {why}")

    def read(self) -> None:
        readers = {
            "~s": self._state,
            "~m": self._gaussian,
            "~u": self._vector,
            "~v": self._vector,
            "~t": self._transitions,
        }
        while self._at < len(self._tokens):
            kind = self._next()
            if kind == "~o":
                self._options()
            elif kind == "~h":
                name = self._name()
                self.models[name] = self._model()
            elif kind in readers:
                name = self._name()
                self._macros[kind, name] = readers[kind]()
            else:
                raise self.refusal(f"{kind[:40]!r} is not read here")

    def _options(self) -> None:
        """Sizes and kinds: what they say is said again by the vectors themselves."""
        while self._at < len(self._tokens) and not self._peek().startswith("~"):
            if self._next().upper() == "<FULLC>":
                raise self.refusal("full covariances are not read, only diagonal ones")

    def _model(self) -> Hmm:
        self._expect("<BEGINHMM>")
        while self._peek().upper() != "<NUMSTATES>":
            self._next()
        self._next()
        count = int(self._next()) - 2
        states: dict[int, Mixture] = {}
        for _ in range(count):
            self._expect("<STATE>")
            place = int(self._next())
            states[place] = self._shared("~s", self._state)
        transitions = self._shared("~t", self._transitions)
        if self._peek().upper() == "<DURATION>":
            raise self.refusal("durations are not read")
        self._expect("<ENDHMM>")
        return Hmm(tuple(states[place] for place in range(2, count + 2)), transitions)

    def _state(self) -> Mixture:
        count = 1
        if self._peek().upper() == "<NUMMIXES>":
            self._next()
            count = int(self._next())
        parts = [self._weighted() for _ in range(count)]
        weights, gaussians = zip(*parts, strict=True)
        means, variances = zip(*gaussians, strict=True)
        return Mixture(np.array(weights), np.array(means), np.array(variances))

    def _weighted(self) -> tuple[float, tuple[Vector, Vector]]:
        weight = 1.0
        if self._peek().upper() == "<MIXTURE>":
            self._next()
            self._next()
            weight = float(self._next())
        return weight, self._shared("~m", self._gaussian)

    def _gaussian(self) -> tuple[Vector, Vector]:
        mean = self._shared("~u", self._vector)
        is_inverse = self._peek().upper() == "<INVVAR>"
        variance = self._shared("~v", self._vector)
        if self._at < len(self._tokens) and self._peek().upper() == "<GCONST>":
            self._next()
            self._next()
        return mean, 1 / variance if is_inverse else variance

    def _vector(self) -> Vector:
        kind = self._next().upper()
        if kind not in ("<MEAN>", "<VARIANCE>", "<INVVAR>"):
            raise self.refusal(f"{kind[:40]!r} is not read here")
        return self._numbers(int(self._next()))

    def _transitions(self) -> Vector:
        self._expect("<TRANSP>")
        size = int(self._next())
        return self._numbers(size * size).reshape(size, size)

    def _shared(self, kind: str, read: Any) -> Any:
        """A part, or the macro that stands for it."""
        if self._peek() != kind:
            return read()
        self._next()
        name = self._name()
        if (kind, name) not in self._macros:
            raise self.refusal(f"there is no macro {kind} {name!r} before it")
        return self._macros[kind, name]

    def _numbers(self, count: int) -> Vector:
        numbers = np.array(self._tokens[self._at : self._at + count], np.float64)
        if len(numbers) != count:
            raise self.refusal("it ends too early")
        self._at += count
        return numbers

    def _expect(self, word: str) -> None:
        found = self._next()
        if found.upper() != word:
            raise self.refusal(f"{found[:40]!r} is not read here, expected {word}")

    def _name(self) -> str:
        return self._next().strip('"')

    def _peek(self) -> str:
        return str(self._tokens[self._at])

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token


def words_of(dictionary: str) -> Iterator[tuple[str, list[str]]]:
    """Word and models of each line of an HTK dictionary: `WORD [OUTPUT] model model …`."""
    for line in dictionary.splitlines():
        word, *models = line.split()[:1] + [each for each in line.split()[1:] if not each.startswith("[")]
        if models:
            yield word, models
