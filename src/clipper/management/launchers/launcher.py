"""What every launcher offers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """One container to start.

    Attributes:
        bundle: the unpacked bundle.
        python: the interpreter of the environment that it runs in.
        isolated: whether that environment is the model's own, so that nothing of the server's may leak into it.
        address: where it shall listen, `unix:/path`.
        token: the secret it shares with those who may dial it.
        threads: how many it may compute with.
        log: the file that its output is appended to.
        command: of a container in another language: the program and its arguments; empty: ours, on `python`.
    """

    model: str
    version: str
    replica_id: int
    bundle: Path
    python: Path
    isolated: bool
    address: str
    token: str
    log: Path
    threads: int = 1
    command: tuple[str, ...] = ()


class RunningProcess(Protocol):
    """A started container, whether this controller or one before it started it."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def started_ticks(self) -> int:
        """Its start time; with `pid` it names a process uniquely."""
        ...

    async def wait(self) -> str:
        """Wait until it has ended; return how, for a person: `exit code 3`, `signal SIGKILL`."""
        ...

    async def set_background(self, background: bool) -> None:
        """Let it get less of the machine than what serves queries, or as much again: as far as that can be done."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, in the background, and force it after `grace_s` seconds; return when it has ended."""
        ...


class Launcher(Protocol):
    """Starts containers, and finds those that an earlier controller started."""

    async def launch(self, spec: LaunchSpec) -> RunningProcess:
        """Start one; if this is cancelled, nothing runs.

        Raises:
            ClipperError: UNAVAILABLE if that is impossible here and now.
        """
        ...

    def find(self, pid: int, started_ticks: int) -> RunningProcess | None:
        """The live process of that id and start time, or None: a reused id is not found."""
        ...
