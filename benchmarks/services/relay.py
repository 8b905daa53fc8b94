"""The least that a Python process between the load and one of Clipper's containers can do.

It reads requests, hands the first bytes of their bodies to the container in batches, and answers with the outputs. That
is what a query frontend asks of the kernel: one `recv` and one `send` a query, and some for a batch. It does nothing
else that Clipper does: no JSON, application, cache, deadline, journal, metric, or second request on its way. So no
frontend of this kind is faster, and what there is between it and Clipper is what Clipper's own work costs.
"""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import cloudpickle
import uvloop

from benchmarks.peers.clipper import Counted
from benchmarks.services.job import Job
from clipper.container.bundle import Manifest, write_bundle
from clipper.core.inputs import DType, Input, InputType
from clipper.wire.handshake import dialer_half
from clipper.wire.session import ResultReceived, Role, Session

IN_FLIGHT = 2  # batches, as between Clipper's frontends and its containers
ROW_BYTES = 64  # of a body: what eight doubles have
ROW_SHAPE = (ROW_BYTES // 8,)
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n{"output":%b}'
AROUND_OUTPUT = len('{"output":}')


class Relay(asyncio.Protocol):
    """The link to the container, and the queries that wait for it."""

    def __init__(self, token: str) -> None:
        loop = asyncio.get_running_loop()
        self._call_soon = loop.call_soon
        self._session = Session(Role.DIALER)
        self._token = token
        self._waiting: list[tuple[asyncio.Transport, bytes]] = []
        self._in_flight: dict[int, list[tuple[asyncio.Transport, bytes]]] = {}
        self._batches = 0
        self.welcomed: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses of asyncio's
        self._transport.write(self._session.send_hello(dialer_half(self._token), "relay"))

    def ask(self, client: asyncio.Transport, row: bytes) -> None:
        """Put it into the next batch: what is read in one turn of the event loop goes out together."""
        self._waiting.append((client, row))
        if len(self._waiting) == 1:
            self._call_soon(self._send)

    def data_received(self, data: bytes) -> None:
        for event in self._session.receive(data):
            if not isinstance(event, ResultReceived):
                self.welcomed.set_result(None)
                continue
            asked = self._in_flight.pop(event.batch_id)
            self._send()
            for (client, _), output in zip(asked, event.result.outcomes, strict=True):
                assert isinstance(output, bytes)
                if not client.is_closing():
                    client.write(ANSWER % (len(output) + AROUND_OUTPUT, output))

    def _send(self) -> None:
        if not self._waiting or len(self._in_flight) >= IN_FLIGHT:
            return
        asked, self._waiting = self._waiting, []
        self._batches += 1
        self._in_flight[self._batches] = asked
        inputs = [Input(DType.FLOAT64, ROW_SHAPE, row) for _, row in asked]
        self._transport.write(self._session.send_predict(self._batches, inputs))


class Client(asyncio.Protocol):
    """One of the load's connections. Every read is one request, as load generators send them."""

    def __init__(self, relay: Relay) -> None:
        self._ask = relay.ask

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        body = data.find(b"\r\n\r\n") + 4
        self._ask(self._transport, data[body : body + ROW_BYTES])


@contextlib.contextmanager
def container(job: Job) -> Iterator[tuple[Path, str]]:
    """A container of the job's model: its socket and token."""
    folder = Path.cwd()
    manifest = Manifest(framework="python", entry="function.pkl", input_type=InputType.DOUBLES)
    write_bundle(folder / "bundle", manifest, {"function.pkl": cloudpickle.dumps(Counted(job.model, job.tally))})
    path, token = folder / "socket", secrets.token_hex(32)
    command = [sys.executable, "-m", "clipper.container", "--bundle", str(folder / "bundle")]
    command += ["--listen", f"unix:{path}", "--model", "model", "--version", "1"]
    with subprocess.Popen(command, env={**os.environ, "CLIPPER_CONTAINER_TOKEN": token}) as process:
        try:
            while not path.exists() and process.poll() is None:
                time.sleep(0.01)
            yield path, token
        finally:
            process.terminate()


async def serve(port: int, path: Path, token: str) -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    _, relay = await loop.create_unix_connection(lambda: Relay(token), str(path))
    await relay.welcomed
    server = await loop.create_server(lambda: Client(relay), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    current = Job.current()
    with container(current) as (socket_path, container_token):
        uvloop.run(serve(current.port, socket_path, container_token))
