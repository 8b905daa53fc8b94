"""What the disk may answer, in the words of the domain."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from clipper.core.errors import ClipperError, ErrorCode

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_errors(action: str) -> Iterator[None]:
    """Turn an OSError of the block into STORE_FULL or STORE_FAILED; `action` completes «Cannot …»."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ClipperError(
                ErrorCode.STORE_FULL, f"Cannot {action}: the disk is full ({error}); free some space and try again"
            ) from error
        raise ClipperError(ErrorCode.STORE_FAILED, f"Cannot {action}: {error}") from error
