"""R: a model, or a function of a data frame, in the file that `saveRDS` wrote."""

import gzip
from pathlib import Path

from clipper.client.packaging.frameworks import Artifact

_ENTRY = "model.rds"
_GZIP = b"\x1f\x8b"
_BEGINNINGS = (b"X\n\x00\x00\x00\x02", b"X\n\x00\x00\x00\x03", b"A\n2\n", b"A\n3\n")
"""Of R's serialisation, versions 2 and 3, in binary and as text."""


def recognise(model: object) -> Artifact | None:
    """A file of one object, compressed or not."""
    if not isinstance(model, Path) or not model.is_file() or not (model.suffix.lower() == ".rds" or _is_rds(model)):
        return None
    return Artifact(framework="r", entry=_ENTRY, files={_ENTRY: model})


def _is_rds(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(len(_BEGINNINGS[0]))
    if head.startswith(_GZIP):
        try:
            with gzip.open(path) as stream:
                head = stream.read(len(_BEGINNINGS[0]))
        except (OSError, EOFError):
            return False
    return head.startswith(_BEGINNINGS)
