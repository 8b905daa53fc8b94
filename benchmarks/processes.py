"""Starting a system under test and making sure that nothing of it is left afterwards."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

PR_SET_CHILD_SUBREAPER = 36
STOP_S = 10.0  # how long a system may take to stop by itself before it is killed
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def adopt_orphans() -> None:
    """Become the parent of every daemon that a system leaves behind, so that it can be found and stopped."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, itself not counted."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(_stat(int(entry.name))[1], []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def command_line(pid: int) -> list[str]:
    """The arguments a process was started with; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def cpu_seconds(pid: int) -> float:
    """CPU time used so far by `pid` and all processes below it."""
    total = 0
    for member in [pid, *descendants(pid)]:
        with contextlib.suppress(OSError):
            total += _stat(member)[2]
    return total / CLOCK_TICKS_PER_S


def resident_bytes(pid: int) -> int:
    """Memory of one process that is its own or its share of what it shares (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no Pss for process {pid}")


def _stat(pid: int) -> tuple[str, int, int]:
    """State, parent and CPU ticks of a process. Raises OSError when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[11]) + int(fields[12])


@contextlib.contextmanager
def running(
    command: Sequence[str], folder: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` inside `folder`, its output going to `output.log` there; stop all of it when the scope is left."""
    before = set(descendants(os.getpid()))
    with (folder / "output.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process, before)


def _stop(process: subprocess.Popen[bytes], before: set[int]) -> None:
    """End `process` and whatever it started: asked first, then killed; orphans included."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    deadline = time.monotonic() + STOP_S
    while left := [pid for pid in descendants(os.getpid()) if pid not in before]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap(set(left) - {process.pid})
        process.poll()
        if time.monotonic() > deadline:
            raise RuntimeError(f"processes {left} cannot be stopped")
        time.sleep(0.02)


def _reap(pids: set[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # not ours, or reaped by its own parent
            os.waitpid(pid, os.WNOHANG)


def last_lines(folder: Path, count: int = 3) -> str:
    """The end of a system's output: why it did not start."""
    try:
        lines = (folder / "output.log").read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return " | ".join([line.strip() for line in lines if line.strip()][-count:])


def stop(_signal: int, _frame: FrameType | None) -> None:
    """A handler for SIGTERM: leave every scope, so that all processes are stopped."""
    raise SystemExit(143)
