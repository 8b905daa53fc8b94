"""Isolated words by the likeliest path through their models (Viterbi), for a batch of utterances at once.

All frames of a batch are scored against all Gaussians in one product; then all utterances and words advance by a frame.
Source: Young et al., The HTK Book, chapters 1.4 (recognition) and 1.5 (the Viterbi algorithm).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clipper.container.loaders.speech.definitions import Definitions, Hmm, Mixture
from clipper.core.errors import invalid

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class _Network:
    """States, and how probable it is to begin in each, to go from each to each, to end after each, to pass by all."""

    states: tuple[Mixture, ...]
    entry: Vector
    inner: Vector
    exit: Vector
    past: float


class Recogniser:
    """Words and the models each is made of.

    Args:
        definitions: the models.
        words: for each word the names of its models, in their order.
    """

    def __init__(self, definitions: Definitions, words: Mapping[str, Sequence[str]]) -> None:
        self.words = tuple(words)
        networks = [_chained([_model(definitions, name) for name in names]) for names in words.values()]
        states = list({id(state): state for network in networks for state in network.states}.values())
        place = {id(state): at for at, state in enumerate(states)}
        self._gaussians = _Gaussians(states)
        longest = max(len(network.states) for network in networks)
        self._entry = np.full((len(networks), longest), -np.inf)
        self._inner = np.full((len(networks), longest, longest), -np.inf)
        self._exit = np.full((len(networks), longest), -np.inf)
        self._place = np.zeros((len(networks), longest), np.intp)
        with np.errstate(divide="ignore"):
            for word, network in enumerate(networks):
                count = len(network.states)
                self._entry[word, :count] = np.log(network.entry)
                self._inner[word, :count, :count] = np.log(network.inner)
                self._exit[word, :count] = np.log(network.exit)
                self._place[word, :count] = [place[id(state)] for state in network.states]

    def scores(self, utterances: Sequence[Vector]) -> Vector:
        """[utterances, words]: the logarithm of the likelihood of each word's best path. No utterance may be empty."""
        lengths = np.array([len(each) for each in utterances])
        if not lengths.all():
            raise invalid("The input has no frames")
        frames = self._gaussians.log_likelihoods(np.concatenate(utterances))
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        order = np.argsort(-lengths, kind="stable")
        best = self._entry + frames[starts][:, self._place]
        for step in range(1, lengths.max()):
            going = order[: np.searchsorted(-lengths[order], -step)]
            reached = (best[going][:, :, :, None] + self._inner).max(axis=2)
            best[going] = reached + frames[starts[going] + step][:, self._place]
        scores: Vector = (best + self._exit).max(axis=2)
        return scores


class _Gaussians:
    """Every Gaussian of every state, so that the frames of a batch are scored in one product."""

    def __init__(self, states: Sequence[Mixture]) -> None:
        means = np.concatenate([state.means for state in states])
        precisions = 1 / np.concatenate([state.variances for state in states])
        weights = np.concatenate([state.weights for state in states])
        self._factors = np.hstack([-0.5 * precisions, means * precisions]).T
        with np.errstate(divide="ignore"):
            self._constants = np.log(weights) + 0.5 * (
                np.log(precisions / (2 * np.pi)).sum(axis=1) - (means**2 * precisions).sum(axis=1)
            )
        self._firsts = np.cumsum([0, *[len(state.weights) for state in states]])[:-1]

    def log_likelihoods(self, frames: Vector) -> Vector:
        """[frames, states]."""
        parts = np.hstack([frames * frames, frames]) @ self._factors + self._constants
        found: Vector = np.logaddexp.reduceat(parts, self._firsts, axis=1)
        return found


def _model(definitions: Definitions, name: str) -> _Network:
    if name not in definitions.models:
        raise invalid(
            f"The dictionary names the model {name!r}; there are {', '.join(sorted(definitions.models))[:200]}"
        )
    return _network(definitions.models[name])


def _network(model: Hmm) -> _Network:
    full = model.transitions
    return _Network(model.states, full[0, 1:-1], full[1:-1, 1:-1], full[1:-1, -1], float(full[0, -1]))


def _chained(parts: Sequence[_Network]) -> _Network:
    """One after the other: who leaves one enters the next."""
    whole = parts[0]
    for part in parts[1:]:
        corner = np.zeros((len(part.states), len(whole.states)))
        whole = _Network(
            (*whole.states, *part.states),
            np.concatenate([whole.entry, whole.past * part.entry]),
            np.block([[whole.inner, np.outer(whole.exit, part.entry)], [corner, part.inner]]),
            np.concatenate([whole.exit * part.past, part.exit]),
            whole.past * part.past,
        )
    return whole
