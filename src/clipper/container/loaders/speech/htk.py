"""Words recognised with models in HTK's own files, by a recogniser of our own: HTK itself is not needed.

An input is a sequence of feature vectors, or, of the type `bytes`, one of HTK's parameter files.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.container.loaders.speech.definitions import Definitions, read_definitions, words_of
from clipper.container.loaders.speech.recogniser import Recogniser
from clipper.core.errors import invalid
from clipper.core.inputs import Input

DICTIONARY = "dictionary"
"""Beside the definitions: which models each word is made of. Without it every model is a word of its own."""

SILENCES = frozenset({"sil", "sp"})
"""Models of this name are no words; without a dictionary a word has `sil`, if there is one, before and after it."""

OPEN = -1

_HEADER = struct.Struct(">iihH")
_COMPRESSED = 0o2000


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The likeliest word; as scores, the logarithm of the likelihood of each, in the order of the dictionary.

    Raises INVALID_ARGUMENT for files that are not as HTK has them.
    """
    path = folder / manifest.entry
    definitions = read_definitions(path.read_text())
    recogniser = Recogniser(definitions, _words(path.with_name(DICTIONARY), definitions))
    size = definitions.vector_size

    def predict(inputs: Any) -> Any:
        utterances = [_frames(each, size) if isinstance(each, bytes) else np.asarray(each, float) for each in inputs]
        scores = recogniser.scores(utterances)
        if manifest.output == "scores":
            return scores
        words = [recogniser.words[best] for best in scores.argmax(axis=1)]
        if manifest.output == "labels":
            return words
        return [{"word": word, "score": score} for word, score in zip(words, scores.max(axis=1).tolist(), strict=True)]

    return LoadedModel(predict, example, (OPEN, size) if manifest.input_type.dtype.is_numeric else (), recogniser)


def _words(dictionary: Path, definitions: Definitions) -> dict[str, list[str]]:
    if dictionary.exists():
        return dict(words_of(dictionary.read_text()))
    silence = ["sil"] if "sil" in definitions.models else []
    return {name: [*silence, name, *silence] for name in definitions.models if name not in SILENCES}


def _frames(content: bytes, size: int) -> NDArray[np.float64]:
    """The vectors in a parameter file: a header of 12 bytes and big-endian floats (The HTK Book, 5.10.1)."""
    if len(content) < _HEADER.size:
        raise invalid("The input is no HTK parameter file: it ends inside its header")
    count, _, sample_bytes, kind = _HEADER.unpack_from(content)
    if kind & _COMPRESSED:
        raise invalid("The input is a compressed HTK parameter file (_C): write it without compression")
    if sample_bytes != 4 * size or len(content) - _HEADER.size < count * sample_bytes:
        raise invalid(
            f"The input is no HTK parameter file of vectors of {size} numbers: its header says {count} of "
            f"{sample_bytes} bytes each, and {len(content) - _HEADER.size} bytes follow"
        )
    values = np.frombuffer(content, ">f4", count * size, _HEADER.size)
    return values.reshape(count, size).astype(np.float64)
