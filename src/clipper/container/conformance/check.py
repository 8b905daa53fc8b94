"""What a check is, and how all of them are run."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from clipper.container.conformance.subject import Subject, explained
from clipper.core.errors import ClipperError


class NotOffered(Exception):
    """What the protocol leaves to the container, and this one leaves out."""


Check = Callable[[Subject], None]
"""Tries one thing that the protocol says, and that its docstring names.

Raises ClipperError saying what happened instead, or NotOffered."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one check ended: `passed` is None for what is not offered; `why` is empty if it passed."""

    name: str
    passed: bool | None
    why: str = ""


def findings(checks: Iterable[Check], subject: Subject) -> Iterator[Finding]:
    """Run `checks` one after the other. A container that crashes fails the check it crashed in, and is replaced."""
    for check in checks:
        name = (check.__doc__ or "").rstrip(".")
        try:
            check(subject)
            subject.require_alive()
        except NotOffered as left_out:
            yield Finding(name, None, str(left_out))
        except ClipperError as error:
            yield Finding(name, False, explained(_crash(subject) or error))
        else:
            yield Finding(name, True)


def _crash(subject: Subject) -> ClipperError | None:
    try:
        subject.require_alive()
    except ClipperError as error:
        return error
    return None
