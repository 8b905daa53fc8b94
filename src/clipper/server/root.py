"""The root process of a server: keeps the home's lock and the sockets, and its children alive. Does no other work."""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management import HomeFolder
from clipper.server.children import Child, Role
from clipper.server.handover import SETTINGS_FILE, private_sockets, save_settings
from clipper.server.sockets import listen_admin, listen_queries
from clipper.settings import ServeSettings

START_TIMEOUT_S = 30.0
"""For controller and frontends to answer. Half a second is usual; a cold disk has needed six."""

STOP_GRACE_S = 5.0
"""Beyond its own drain, before a child is killed."""

CONTROLLER_STOP_S = 20.0
"""The controller stops its containers first, each of which may finish the batch at hand."""

_PR_SET_CHILD_SUBREAPER = 36


def run(settings: ServeSettings, *, stop_on_stdin_close: bool = False) -> int:
    """Serve until SIGTERM or SIGINT (or until standard input is closed), telling a person on standard output.

    Returns the exit code, 0. Raises ClipperError: INVALID_ARGUMENT for a home that cannot be used, UNAVAILABLE if a
    port is taken, if another server uses the home, or if a plane does not start.
    """
    home = HomeFolder(settings.home)
    home.prepare()
    with _lock(settings.home):
        asyncio.run(_Root(settings, home, _say).serve(stop_on_stdin_close))
    return 0


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever read our first lines need not stay
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class _Root:
    def __init__(self, settings: ServeSettings, home: HomeFolder, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._home = home
        self._tell = tell
        self._children: list[Child] = []
        self._stop = asyncio.Event()

    async def serve(self, stop_on_stdin_close: bool) -> None:
        began = time.monotonic()
        settings = self._settings
        with contextlib.ExitStack() as sockets:
            admin = sockets.enter_context(listen_admin(settings.host, settings.admin_port))
            queries = [
                sockets.enter_context(each)
                for each in listen_queries(settings.host, settings.query_port, settings.frontends)
            ]
            save_settings(settings, self._home)
            self._listen_to_signals(stop_on_stdin_close)
            _become_subreaper()
            roles = [Role("controller", 0, admin.fileno())]
            roles += [Role("frontend", index, each.fileno()) for index, each in enumerate(queries)]
            self._children = [Child(role, self._home.path, self._tell) for role in roles]
            try:
                for child in self._children:
                    child.start()
                await self._answering(admin.getsockname())
                if not self._stop.is_set():
                    self._announce(queries[0].getsockname()[1], admin.getsockname()[1], time.monotonic() - began)
                await self._stop.wait()
            finally:
                (self._home.run / "server.json").unlink(missing_ok=True)
                for each in queries:
                    each.close()  # a frontend that drains closes its own: new connections are refused from then on
                await self._shut_down()

    def _listen_to_signals(self, stop_on_stdin_close: bool) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        if stop_on_stdin_close:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._stop.set()

    def _reap(self) -> None:
        """Collect every process that has ended, containers of a dead controller among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self._children:
                if child.pid == pid:
                    child.exited(os.waitstatus_to_exitcode(status))

    async def _answering(self, admin: tuple[str, int]) -> None:
        """Return when every plane accepts requests."""
        dials = [_until_answered(partial(asyncio.open_connection, *admin[:2]), _PING)]
        dials += [
            _until_answered(partial(asyncio.open_unix_connection, str(path)), _HEALTH)
            for path in private_sockets(self._settings, self._home)
        ]
        waiting = [asyncio.create_task(each) for each in dials]
        stopping = asyncio.create_task(self._stop.wait())
        answered = asyncio.create_task(_all(waiting))
        done, _ = await asyncio.wait([answered, stopping], timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, answered, *waiting):
            task.cancel()
        if not done:
            raise ClipperError(
                ErrorCode.UNAVAILABLE, f"The server's planes did not answer in {START_TIMEOUT_S:g} s: see above for why"
            )

    def _announce(self, query_port: int, admin_port: int, took_s: float) -> None:
        host = self._settings.host
        server = {
            "pid": os.getpid(),
            "host": host,
            "query_port": query_port,
            "admin_port": admin_port,
            "frontends": self._settings.frontends,
        }
        draft = self._home.run / "server.json.new"
        draft.write_bytes(msgspec.json.encode(server))
        draft.rename(self._home.run / "server.json")
        self._tell(f"Clipper is ready after {took_s:.1f} s")
        self._tell(f"  queries  http://{host}:{query_port}")
        self._tell(f"  admin    http://{host}:{admin_port}")
        self._tell(f"  home     {self._home.path}")

    async def _shut_down(self) -> None:
        """Frontends first, so that what they have accepted still meets its models."""
        patience_s = self._settings.frontend.drain_s + STOP_GRACE_S
        await asyncio.gather(*(each.stop(patience_s) for each in self._children if each.role.kind == "frontend"))
        await asyncio.gather(*(each.stop(CONTROLLER_STOP_S) for each in self._children))
        _kill_orphans()
        self._reap()
        (self._home.run / SETTINGS_FILE).unlink(missing_ok=True)


_PING = b"GET /admin/ping HTTP/1.0\r\n\r\n"
_HEALTH = b"GET /health HTTP/1.0\r\n\r\n"


async def _all(tasks: list["asyncio.Task[None]"]) -> None:
    await asyncio.gather(*tasks)


async def _until_answered(
    dial: Callable[[], Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]]], request: bytes
) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await dial()
            try:
                writer.write(request)
                await reader.readuntil(b"\r\n")
                return
            finally:
                writer.close()
        await asyncio.sleep(0.01)


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[IO[str]]:
    """One server at a time on a home; the kernel releases the lock however the process ends."""
    with (home / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ClipperError(
                ErrorCode.UNAVAILABLE,
                f"Another Clipper (process {file.read().strip() or 'unknown'}) serves from {home}: "
                "stop it, or choose another folder with --home",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file


def _become_subreaper() -> None:
    """Containers whose controller was killed become our children, so that none is ever a zombie (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_orphans() -> None:
    """What is left are containers that no controller could stop any more."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
        for pid in children.split():
            os.kill(int(pid), signal.SIGTERM)
