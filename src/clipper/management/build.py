"""One step of building an environment: a command run to its end, its output handed on line by line."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.launchers.priority import set_background

LAST_LINES = 30
"""How much of the output a failure repeats: pip says why in its last lines."""

_MAX_LINE_BYTES = 1024 * 1024

_DIE_WITH_PARENT = (
    "import ctypes, os, signal, sys; "
    "ctypes.CDLL(None).prctl(1, int(signal.SIGKILL)); "  # 1 = PR_SET_PDEATHSIG
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""A build must not go on writing when its controller was killed: the next one starts it anew."""


async def run_build_step(command: list[str], environment: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Run `command`, whose first word is an absolute path; on cancellation it is killed with all it has started.

    It gets less of the processors than what serves queries.

    Raises:
        ClipperError: MODEL_FAILED with its last lines as detail, or STORE_FULL if they speak of a full disk.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _DIE_WITH_PARENT, *command),
        env={**environment, "PYTHONUNBUFFERED": "1"},  # else pip's lines come in blocks
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=_MAX_LINE_BYTES,
        start_new_session=True,
    )
    set_background(process.pid, background=True)
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            last.append(line.decode(errors="replace").rstrip())
            progress(last[-1])
        code = await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if code:
        raise _failure(code, "\n".join(last))


def _failure(code: int, output: str) -> ClipperError:
    if "No space left on device" in output:
        return ClipperError(
            ErrorCode.STORE_FULL, "The model's environment does not fit on the disk: free some space", output
        )
    return ClipperError(
        ErrorCode.MODEL_FAILED,
        f"The model's environment could not be built (exit code {code}): correct its requirements and deploy it again",
        output,
    )
