"""Serving a model from a script, with nothing started before: a private server that ends with the script."""

import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType

from clipper.client.addresses import find, server_file
from clipper.client.clipper import Clipper
from clipper.client.queries import Application
from clipper.client.transport import Transport, remote_error
from clipper.core.errors import ClipperError, ErrorCode

START_TIMEOUT_S = 60.0
"""From the start of the process until it listens; a second or two on a quiet machine."""

STOP_TIMEOUT_S = 15.0
"""For queries under way and containers to end; then it is killed."""

POLL_S = 0.02
LOG_TAIL_BYTES = 4000
NAME = "default"


class LocalApplication(Application):
    """An application on a server of its own, which ends with `close()`, with a `with` block, or with the program.

    Attributes:
        clipper: the operator's client of that server.
    """

    def __init__(self, name: str, transport: Transport, clipper: Clipper, server: "_PrivateServer") -> None:
        super().__init__(name, transport)
        self.clipper = clipper
        self._server = server

    def close(self) -> None:
        """Stop the server and remove everything it kept."""
        self.clipper.close()
        self._transport.close()
        self._server.stop()

    def __enter__(self) -> "LocalApplication":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(  # noqa: PLR0913 (all that can be said of a model, by keyword)
    model: object,
    *,
    slo_ms: float = 20.0,
    input_type: str | None = None,
    default_output: str = "null",
    example: object = None,
    requirements: Sequence[str] = (),
    num_replicas: int = 1,
) -> LocalApplication:
    """Start a private server, deploy a model on it, and return the application that answers queries with it.

    Args:
        model: a function of a batch (a NumPy array or list of inputs, to as many outputs), a scikit-learn estimator, or
            anything else `Clipper.deploy_model` takes.
        slo_ms: every query is answered within this many milliseconds, with `default_output` if need be.
        input_type: bytes, integers, floats, doubles or strings; by default doubles.
        default_output: JSON text.
        example: one input, tried before the first query.
        requirements: pip requirements; the model then runs in an environment of its own.
        num_replicas: how many processes run the model.

    Raises:
        ClipperError: MODEL_FAILED with the traceback if the model does not work, UNAVAILABLE with the server's last
            words if that does not start.
    """
    server = _PrivateServer()
    try:
        server.start(START_TIMEOUT_S)
        addresses = find(server.home)
        clipper = Clipper(addresses, addresses.token)
        clipper.deploy_model(
            NAME,
            1,
            model,
            input_type,
            example=example,
            requirements=requirements,
            num_replicas=num_replicas,
        )
        served_type = (clipper.get_model_info(NAME, 1) or {})["input_type"]
        clipper.register_application(NAME, served_type, default_output, round(slo_ms * 1000))
        clipper.link_model_to_app(NAME, NAME)
        return LocalApplication(NAME, Transport(addresses.query_url, "query frontend"), clipper, server)
    except BaseException:
        server.stop()
        raise


class _PrivateServer:
    """A `clipper serve` process on a temporary home folder. `start()` starts it; `stop()`, or the end of this program
    whatever ends it, stops it: its standard input closes then.
    """

    def __init__(self) -> None:
        self.home = Path()
        self._finalizer: weakref.finalize[[subprocess.Popen[bytes], Path, int], _PrivateServer] | None = None

    def start(self, timeout_s: float) -> None:
        """Return when it answers. Raises UNAVAILABLE with the end of its log if it does not within `timeout_s`."""
        self.home = Path(tempfile.mkdtemp(prefix="clipper-"))
        log = self.home / "server.log"
        ports = ["--query-port", "0", "--admin-port", "0"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "clipper", "serve", "--home", self.home, *ports, "--stop-on-stdin-close"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C meant for the caller's own work must not stop it
            )
        self._finalizer = weakref.finalize(self, _stop, process, self.home, os.getpid())
        deadline = monotonic() + timeout_s
        while not server_file(self.home).exists():
            if process.poll() is not None:
                raise _not_started(f"it exited with {process.returncode}", log)
            if monotonic() > deadline:
                raise _not_started(f"it was not ready within {timeout_s:g} s", log)
            sleep(POLL_S)

    def stop(self) -> None:
        """Stop it and remove its folder; again does nothing."""
        if self._finalizer is not None:
            self._finalizer()


def _stop(process: "subprocess.Popen[bytes]", home: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the program that started the server leaves it alone
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(home, ignore_errors=True)


def _not_started(why: str, log: Path) -> ClipperError:
    tail = log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
    return remote_error(ErrorCode.UNAVAILABLE, f"The private server did not start: {why}", tail)
