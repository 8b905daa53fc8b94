"""The container under test: started as often as the checks need it."""

import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from clipper.container.commands.link import Link, linked
from clipper.container.commands.process import ContainerProcess, running_container
from clipper.container.commands.program import container_arguments
from clipper.core.errors import ClipperError
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.handshake import TOKEN_LENGTH

MODEL = "conformance"
VERSION = "7"

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Started:
    """A container that one check has for itself."""

    process: ContainerProcess
    token: str

    @contextmanager
    def dial(self) -> Iterator[Link]:
        """A connection on which nothing has been said yet, as soon as the container takes one."""
        with linked(self.process.dial(START_TIMEOUT_S), ANSWER_TIMEOUT_S) as link:
            yield link

    @contextmanager
    def link(self) -> Iterator[Link]:
        """A connection after the handshake."""
        with self.dial() as link:
            link.greet(self.token)
            yield link


class Subject:
    """Starts `command`; one process serves all checks that do not end it, and is replaced if one of them has.

    Args:
        command: the program and its arguments, to which those of every container are added.
        bundle: what it is told to load.
        folder: an empty folder for sockets and logs.
    """

    def __init__(self, command: Sequence[str], bundle: Path, folder: Path) -> None:
        self._command = tuple(command)
        self._bundle = bundle
        self._folder = folder
        self._stack = ExitStack()
        self._shared: Started | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def token(self) -> str:
        """Of the shared container."""
        return self._running().token

    @contextmanager
    def dial(self) -> Iterator[Link]:
        """A connection to the shared container on which nothing has been said yet."""
        with self._running().dial() as link:
            yield link

    @contextmanager
    def link(self) -> Iterator[Link]:
        """A connection to the shared container after the handshake."""
        with self._running().link() as link:
            yield link

    @contextmanager
    def start(self, *options: str, address: str | None = None, token: str | None = None) -> Iterator[Started]:
        """A container of one's own, with more command line options; killed at the end if it still runs."""
        self._count += 1
        secret = token or secrets.token_hex(TOKEN_LENGTH // 2)
        where = address or self.unix_address(str(self._count))
        command = [*self._command, *container_arguments(self._bundle, where, MODEL, VERSION), *options]
        with running_container(command, Path.cwd(), where, secret, self._folder / f"{self._count}.log") as process:
            yield Started(process, secret)

    def unix_address(self, name: str) -> str:
        """An address in the scratch folder."""
        return f"unix:{self._folder / name}.sock"

    def require_alive(self) -> None:
        """Raises RemoteProtocolError, with its log, if the shared container has crashed."""
        shared = self._shared
        if shared is None or shared.process.alive:
            return
        self._shared = None
        ending = shared.process.wait(ANSWER_TIMEOUT_S)
        if ending != "code 0":  # it has been alone for longer than the checks of other processes took
            raise RemoteProtocolError(f"The container ended with {ending}: {shared.process.log[-400:]}")

    def _running(self) -> Started:
        if self._shared is None or not self._shared.process.alive:
            self._stack.close()
            self._shared = self._stack.enter_context(self.start())
        return self._shared


def free_port() -> int:
    """A TCP port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_agreed_bundle(folder: Path) -> None:
    """A bundle of the agreed model that Clipper's own container can load; others need not look at it."""
    from clipper.container.bundle import Manifest, write_bundle
    from clipper.core.inputs import InputType

    code = b"cclipper.container.conformance.agreed\npredict_batch\n."  # a pickle: just the function's name
    manifest = Manifest(framework="python", entry="model.pkl", input_type=InputType.DOUBLES)
    write_bundle(folder, manifest, {"model.pkl": code})


def explained(error: ClipperError) -> str:
    """An error in one line, with the last line of the container's log if it says why."""
    last = error.detail.strip().rpartition("\n")[2]
    return " ".join((f"{error.message}: {last[:300]}" if last else error.message).split())
