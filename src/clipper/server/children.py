"""A child of the root process: started, watched, started again after a while if it ends by itself."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from clipper.core.native_libraries import FAST_COPIES, ONE_THREAD
from clipper.settings import process_environment

RESTART_FIRST_S = 0.05
RESTART_MAX_S = 5.0
"""A plane that dies at every start must not take a core; a person is told each time."""

HEALTHY_AFTER_S = 10.0
"""After so long a life a death is the first one again."""


STEADY_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1024 * 1024)}
"""glibc raises this threshold by itself once a large block is freed; the next table that a dictionary outgrows then
stays in the heap, and a frontend that serves at its bounds was seen to grow by a tenth after a million queries."""


class Role(NamedTuple):
    """What a child is to be: `controller`, or the `frontend` of that number; and the socket it inherits."""

    kind: str
    number: int
    listener: int

    @property
    def name(self) -> str:
        """For messages."""
        return self.kind if self.kind == "controller" else f"{self.kind} {self.number}"


class Child:
    """One process that should always run between `start()` and `stop()`."""

    def __init__(self, role: Role, home: Path, tell: Callable[[str], None]) -> None:
        self.role = role
        self._home = home
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._delay_s = RESTART_FIRST_S
        self._restart: asyncio.TimerHandle | None = None
        self._stopping = False
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int:
        """Of its present process; 0 if it is between two."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, in a session of its own so that Ctrl-C reaches only the root."""
        # -P: a file such as queue.py in the folder where somebody started us is not to be imported
        command = [sys.executable, "-P", "-m", f"clipper.server.{self.role.kind}"]
        self._started = time.monotonic()
        self._ended.clear()
        self._process = subprocess.Popen(
            [*command, str(self._home), str(self.role.listener), str(self.role.number), str(os.getpid())],
            env={**STEADY_MEMORY, **FAST_COPIES, **ONE_THREAD, **process_environment()},
            stdin=subprocess.DEVNULL,
            pass_fds=[self.role.listener],
            start_new_session=True,
        )

    def exited(self, code: int) -> None:
        """The root has reaped the process: start it again, unless it was told to stop."""
        assert self._process is not None
        self._process.returncode = code  # it was reaped by its pid, behind Popen's back
        self._process = None
        self._ended.set()
        if self._stopping:
            return
        if time.monotonic() - self._started > HEALTHY_AFTER_S:
            self._delay_s = RESTART_FIRST_S
        self._tell(f"The {self.role.name} ended ({_describe(code)}); starting it again in {self._delay_s:g} s")
        self._restart = asyncio.get_running_loop().call_later(self._delay_s, self.start)
        self._delay_s = min(2 * self._delay_s, RESTART_MAX_S)

    async def stop(self, patience_s: float) -> None:
        """SIGTERM, and SIGKILL to what has not ended after `patience_s`."""
        self._stopping = True
        if self._restart is not None:
            self._restart.cancel()
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience_s):
                await self._ended.wait()
        except TimeoutError:
            self._tell(f"The {self.role.name} did not stop in {patience_s:g} s: killing it")
            self._signal(signal.SIGKILL)
            await self._ended.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def _describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
