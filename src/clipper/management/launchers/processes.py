"""Processes of this machine: named by id and start time, watched and signalled through file descriptors.

A pidfd stays bound to its process, so neither a wait nor a signal can hit a stranger that got the same id later; and
it tells of the end of processes which are not our children, such as containers that an earlier controller started.
"""

import asyncio
import logging
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.launchers.priority import set_background

PRIORITY_RETRY_S = 0.05
PRIORITY_ATTEMPTS = 100
"""The kernel takes ten changes of autogroups a second, from all users but root together."""

_log = logging.getLogger(__name__)


def started_ticks(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None if there is none or it has ended (a zombie)."""
    found = _state_and_start(pid)
    return None if found is None or found[0] in (b"Z", b"X") else found[1]


def _state_and_start(pid: int) -> tuple[bytes, int] | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])  # 3 and 22 of proc(5): the command, field 2, may hold anything


class LocalProcess:
    """One live process. It is watched from `open` on, and its descriptor closed when it has ended.

    Attributes:
        pid: its process id.
        started_ticks: see the function of that name.
    """

    def __init__(self, pid: int, ticks: int, descriptor: int, child: "subprocess.Popen[bytes] | None") -> None:
        self.pid = pid
        self.started_ticks = ticks
        self._descriptor = descriptor
        self._child = child
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[str] = self._loop.create_future()

    @classmethod
    def open(cls, pid: int, ticks: int, child: "subprocess.Popen[bytes] | None" = None) -> Self | None:
        """Watch the process of that id and start time; None if it is no more. Needs a running event loop.

        Args:
            pid: the process id.
            ticks: the start time.
            child: how we started it, if we did and it leads a process group of its own; it is reaped when it ends.
        """
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        if child is None and started_ticks(pid) != ticks:  # asked after opening: what we hold cannot change any more
            os.close(descriptor)
            return None
        process = cls(pid, ticks, descriptor, child)
        process._loop.add_reader(descriptor, process._on_end)
        return process

    async def wait(self) -> str:
        """Wait until it has ended; return how, for a person."""
        return await asyncio.shield(self._ended)

    async def set_background(self, background: bool) -> None:
        """Let it get less of the processors than others, or as much again; a process that leads no session is left."""
        for _ in range(PRIORITY_ATTEMPTS):
            if self._ended.done() or set_background(self.pid, background):
                return
            await asyncio.sleep(PRIORITY_RETRY_S)
        _log.warning("Process %d keeps a %s priority", self.pid, "normal" if background else "low")

    async def stop(self, grace_s: float) -> None:
        """SIGTERM, and after `grace_s` seconds SIGKILL to its group; return when it has ended."""
        if not self._ended.done():
            set_background(self.pid, background=True)
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), grace_s)
            return
        if not self._ended.done():
            _kill_group(self.pid)
            self._signal(signal.SIGKILL)
        await self.wait()

    def _signal(self, number: signal.Signals) -> None:
        if not self._ended.done():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._ended.set_result("an end we did not see" if self._child is None else _reap(self._child))


def start(command: list[str], environment: dict[str, str], folder: Path, log: Path) -> LocalProcess:
    """Start `command` as the leader of a session of its own, its output appended to `log`.

    A session of its own keeps a Ctrl-C meant for the server from reaching it, and gives it a process group.

    Raises:
        ClipperError: UNAVAILABLE if the system does not let us, STORE_FULL if the log cannot be made.
    """
    try:
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ClipperError(ErrorCode.UNAVAILABLE, f"Cannot start {command[0]}: {error}") from error
    found = _state_and_start(child.pid)  # it is there even if it has ended already: only we reap it
    process = None if found is None else LocalProcess.open(child.pid, found[1], child)
    if process is None:
        raise ClipperError(ErrorCode.UNAVAILABLE, f"{command[0]} has gone; see {log}")
    return process


def _reap(child: "subprocess.Popen[bytes]") -> str:
    _kill_group(child.pid)  # what it has started; its own id is still taken, by its zombie, so nobody else is hit
    code = child.wait()
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
