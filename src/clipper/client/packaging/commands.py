"""Containers in other languages: a folder, and the command that starts what lies in it."""

from collections.abc import Sequence
from pathlib import Path

from clipper.client.packaging.frameworks import Artifact
from clipper.container.bundle import COMMAND, bundle_files
from clipper.core.errors import ClipperError, ErrorCode, invalid


def command_artifact(model: object, command: Sequence[str]) -> Artifact:
    """What `command` starts, with all files of the folder `model`.

    Raises:
        ClipperError: NOT_FOUND if there is no such folder, INVALID_ARGUMENT if there is no file in it.
    """
    if not isinstance(model, str | Path):
        raise invalid(f"Invalid model: a {type(model).__name__}; with a command, expected the folder of its files")
    if not Path(model).is_dir():
        raise ClipperError(ErrorCode.NOT_FOUND, f"There is no folder {str(model)!r} with what the command needs")
    files: dict[str, bytes | Path] = dict(bundle_files(Path(model)))
    if not files:
        raise invalid(f"Invalid model: the folder {str(model)!r} is empty; expected what the command needs")
    entry = next((word for word in command if word in files), min(files))
    return Artifact(framework=COMMAND, entry=entry, files=files, command=tuple(command))
