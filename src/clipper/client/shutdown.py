"""Stopping a server on this machine: the one thing no HTTP request does."""

import fcntl
import os
import select
import signal
from pathlib import Path

from clipper.core.errors import ClipperError, ErrorCode


def stop_server(home: Path, pid: int, timeout_s: float) -> None:
    """Ask the server of a home folder to end, and return when it has. Nothing happens if it is not running.

    The folder's lock is looked at first, so that a process which happens to have its number is left alone.

    Raises:
        ClipperError: TIMEOUT if it has not ended after `timeout_s`, PERMISSION_DENIED if it is another user's.
    """
    if not _is_locked(home / "lock"):
        return
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        poll = select.poll()
        poll.register(process, select.POLLIN)
        if not poll.poll(timeout_s * 1000):
            raise ClipperError(
                ErrorCode.TIMEOUT,
                f"The server (process {pid}) is still draining after {timeout_s:g} s; wait, or kill it",
            )
    except PermissionError:
        raise ClipperError(ErrorCode.PERMISSION_DENIED, f"The server (process {pid}) is another user's") from None
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def _is_locked(lock: Path) -> bool:
    """Whether a running server holds the lock of its home folder."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
