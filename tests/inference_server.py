"""A small server of the Open Inference Protocol: JSON, and tensors as bytes if it says so. Its models are functions.

Written from the specification alone, so that it agrees with our client only where both agree with that.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {"FP32": "<f4", "FP64": "<f8", "INT32": "<i4", "INT64": "<i8"}
LENGTH = "Inference-Header-Content-Length"


@dataclass
class Served:
    """A model: what it says of its input, and what it answers. `raises` becomes an error of the protocol."""

    predict: Callable[[Any], dict[str, NDArray[Any]]]
    inputs: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class InferenceServer:
    """What a test may change and look at.

    Attributes:
        extensions: what it says it can.
        closes: whether it closes each connection after one response.
        stalls: set to let it send the head of a response and one byte, and no more until it is cleared.
        requests: the headers and the size of each inference request.
    """

    models: dict[str, Served]
    port: int = 0
    extensions: tuple[str, ...] = ()
    closes: bool = False
    stalls: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[dict[str, str], int]] = field(default_factory=list)

    def url(self, model: str) -> str:
        return f"http://127.0.0.1:{self.port}/v2/models/{model}"


@contextmanager
def serving(server: InferenceServer) -> Iterator[InferenceServer]:
    """The server on a free port, or on its old one if it has one."""

    class Handler(_Handler):
        state = server

    listener = _Listener(("127.0.0.1", server.port), Handler)
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        listener.shutdown()
        listener.hang_up()
        listener.server_close()
        thread.join()


class _Listener(ThreadingHTTPServer):
    """One whose connections end with it."""

    daemon_threads = False

    def __init__(self, *arguments: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        for each in self._connections:
            with suppress(OSError):  # it has gone already
                each.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    state: InferenceServer
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/v2":
            return self._answer(200, {"name": "test", "version": "1", "extensions": self.state.extensions})
        model = self.state.models.get(self.path.removeprefix("/v2/models/"))
        if model is None:
            return self._answer(404, {"error": f"no model at {self.path}"})
        return self._answer(200, {"name": "m", "platform": "test", "inputs": model.inputs, "outputs": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.state.requests.append((dict(self.headers), len(body)))
        model = self.state.models[self.path.removeprefix("/v2/models/").removesuffix("/infer")]
        try:
            outputs = model.predict(_decoded(body, self.headers.get(LENGTH)))
        except ValueError as error:
            return self._answer(400, {"error": str(error)})
        return self._outputs(outputs, binary=self.headers.get(LENGTH) is not None)

    def _outputs(self, outputs: dict[str, NDArray[Any]], *, binary: bool) -> None:
        tensors, raw = [], b""
        for name, values in outputs.items():
            datatype = next((each for each, kind in TYPES.items() if values.dtype == kind), "BYTES")
            tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(values.shape)}
            if binary:
                data = values.tobytes() if datatype != "BYTES" else b"".join(map(_counted, values.ravel()))
                tensor["parameters"] = {"binary_data_size": len(data)}
                raw += data
            else:
                tensor["data"] = values.ravel().tolist()
            tensors.append(tensor)
        self._answer(200, {"model_name": "m", "outputs": tensors}, raw)

    def _answer(self, status: int, document: dict[str, Any], raw: bytes = b"") -> None:
        header = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(header) + len(raw)))
        if raw:
            self.send_header(LENGTH, str(len(header)))
        if self.state.closes:
            self.close_connection = True  # without a word: a proxy that has had enough
        self.end_headers()
        if self.state.stalls:
            self.wfile.write(header[:1])
            self.state.released.wait(10)
            return
        self.wfile.write(header + raw)


def _decoded(body: bytes, length: str | None) -> Any:
    header = json.loads(body if length is None else body[: int(length)])
    (tensor,) = header["inputs"]
    raw = None if length is None else body[int(length) :]
    if tensor["datatype"] == "BYTES":
        return tensor["data"] if raw is None else _texts(raw)
    if raw is None:
        return np.array(tensor["data"], TYPES[tensor["datatype"]]).reshape(tensor["shape"])
    assert tensor["parameters"]["binary_data_size"] == len(raw)
    return np.frombuffer(raw, TYPES[tensor["datatype"]]).reshape(tensor["shape"])


def _counted(text: str) -> bytes:
    return struct.pack("<I", len(text.encode())) + text.encode()


def _texts(raw: bytes) -> list[str]:
    texts = []
    while raw:
        size = int.from_bytes(raw[:4], "little")
        texts.append(raw[4 : 4 + size].decode())
        raw = raw[4 + size :]
    return texts
