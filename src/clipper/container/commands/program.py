"""From the command of a bundle to what can be executed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from clipper.core.errors import ClipperError, ErrorCode

OWNER_EXECUTES = 0o100


def command_line(command: Sequence[str], bundle: Path, search_path: str | None) -> list[str]:
    """`command` with its program as an absolute path: a file of the bundle, else found in `search_path`.

    Bundles travel without permissions, so a program that lies in one is made executable here.

    Args:
        command: the program and its arguments.
        bundle: the folder of the bundle.
        search_path: folders as in the variable PATH; None: this process's own.

    Raises:
        ClipperError: UNAVAILABLE if there is no such program.
    """
    program, *arguments = command
    own = bundle.absolute() / program
    if own.is_file():
        own.chmod(own.stat().st_mode | OWNER_EXECUTES)
        return [str(own), *arguments]
    found = shutil.which(program, path=search_path)
    if found is None:
        raise ClipperError(
            ErrorCode.UNAVAILABLE,
            f"Cannot start {program[:120]!r}: it is neither a file of the bundle nor a program on this machine; "
            "add it to the bundle, or install it where the server's PATH finds it",
        )
    return [str(Path(found).absolute()), *arguments]


def container_arguments(bundle: Path, address: str, model: str, version: str) -> list[str]:
    """What every container is started with, after its command."""
    return ["--bundle", str(bundle), "--listen", address, "--model", model, "--version", version]
