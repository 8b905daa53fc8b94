"""HTK: a file of definitions, with a dictionary beside it if there is one, or the folder of both."""

import re
from pathlib import Path

from clipper.client.packaging.frameworks import Artifact

PACKAGES = ("numpy",)

_ENTRY = "hmmdefs"
_DICTIONARY = "dictionary"
_DICTIONARIES = ("dictionary", "dict")
_HEAD_BYTES = 4096
_BEGINNING = re.compile(rb"\s*~[ohstmuv]\b")


def recognise(model: object) -> Artifact | None:
    """The path of definitions (an MMF), or of a folder with one file of them."""
    if not isinstance(model, Path):
        return None
    candidates = sorted(each for each in model.iterdir() if each.is_file()) if model.is_dir() else [model]
    found = [each for each in candidates if _is_definitions(each)]
    if len(found) != 1:
        return None
    files: dict[str, bytes | Path] = {_ENTRY: found[0]}
    dictionary = next((path for name in _DICTIONARIES if (path := found[0].with_name(name)).is_file()), None)
    if dictionary is not None:
        files[_DICTIONARY] = dictionary
    return Artifact(framework="htk", entry=_ENTRY, files=files, packages=PACKAGES)


def _is_definitions(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    return bool(_BEGINNING.match(head)) and b"<" in head
