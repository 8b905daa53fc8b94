"""Models behind a server that speaks the Open Inference Protocol: Triton, MLServer, KServe. A batch is one request."""

import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from clipper.container.batches.buckets import bucketed
from clipper.container.batches.scores import answers
from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.container.remote.connection import Connection, RemoteError
from clipper.container.remote.tensors import BINARY_EXTENSION, BYTES, NUMPY_TYPES, decode, encode
from clipper.core.errors import invalid
from clipper.core.inputs import DType, Input

MAX_WAIT_S = 10.0
"""For one batch, unless the bundle says otherwise; queries have long had their defaults by then."""

_OPEN = -1

_DATATYPES = {
    DType.BYTES: BYTES,
    DType.STRING: BYTES,
    DType.INT32: "INT32",
    DType.FLOAT32: "FP32",
    DType.FLOAT64: "FP64",
    DType.UINT8: "UINT8",
}
"""For models that do not describe their input."""


class _Tensor(NamedTuple):
    """What a model says of its input; the shape is empty if it says nothing."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The remote model's answer to a batch.

    Raises INVALID_ARGUMENT for an address that is none or a model of several inputs, RemoteError if the server does not
    answer or does not know the model.
    """
    address, timeout_s = _address(folder / manifest.entry)
    model = _RemoteModel(address, timeout_s)
    tensor = model.described() or _Tensor("input-0", _DATATYPES[manifest.input_type.dtype], ())
    binary = model.takes_bytes()
    choose = answers(manifest.output, manifest.classes)

    def predict(inputs: Any) -> Any:
        return choose(model.infer(tensor, inputs, binary=binary))

    batch_size, *shape = tensor.shape or (_OPEN,)
    if tensor.datatype == BYTES:
        return LoadedModel(predict, example)
    if batch_size != _OPEN:
        return LoadedModel(bucketed(predict, [batch_size]), example, tuple(shape))
    return LoadedModel(predict, example, tuple(shape))


def _address(path: Path) -> tuple[str, float]:
    """The URL of the model, and how long one of its batches may take."""
    document = json.loads(path.read_bytes())
    url, timeout_s = document.get("url"), document.get("timeout_s", MAX_WAIT_S)
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or "/v2/models/" not in parts.path:
        raise invalid(f"Invalid url {str(url)[:80]!r} in {path.name}: expected http://HOST:PORT/v2/models/NAME")
    if type(timeout_s) not in (int, float) or not timeout_s > 0:
        raise invalid(f"Invalid timeout_s {timeout_s!r} in {path.name}: expected seconds above 0")
    return str(url), float(timeout_s)


class _RemoteModel:
    """One model of a server."""

    def __init__(self, url: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        self._connection = Connection(f"{parts.scheme}://{parts.netloc}", timeout_s)
        self._path = quote(parts.path.rstrip("/"))

    def described(self) -> _Tensor | None:
        """What the model's metadata says of its input, if anything."""
        inputs = self._get(self._path).get("inputs") or []
        if not inputs:
            return None
        if len(inputs) != 1:
            named = ", ".join(str(each.get("name")) for each in inputs)
            raise invalid(f"The remote model takes {named}, expected one tensor")
        tensor = _Tensor(inputs[0]["name"], inputs[0]["datatype"], tuple(map(int, inputs[0]["shape"])))
        if tensor.datatype != BYTES and tensor.datatype not in NUMPY_TYPES:
            raise invalid(
                f"The remote model takes {tensor.datatype}, expected one of {', '.join(NUMPY_TYPES)} or BYTES"
            )
        return tensor

    def takes_bytes(self) -> bool:
        """Whether the server takes tensors as bytes, which is faster by far than JSON."""
        return BINARY_EXTENSION in self._get(self._path.partition("/models/")[0]).get("extensions", [])

    def infer(self, tensor: _Tensor, inputs: Any, *, binary: bool) -> Any:
        """The outputs for a batch, by name."""
        request = encode(tensor.name, tensor.datatype, inputs, binary=binary)
        response = self._connection.request("POST", f"{self._path}/infer", request.body, request.headers)
        if response.status != 200:
            raise RemoteError(f"The server answered {response.status}: {_reason(response.body)}")
        return decode(response.headers, response.body)

    def _get(self, path: str) -> dict[str, Any]:
        response = self._connection.request("GET", path)
        if response.status != 200:
            raise RemoteError(f"The server answered {response.status} to GET {path}: {_reason(response.body)}")
        document = json.loads(response.body)
        if not isinstance(document, dict):
            raise RemoteError(f"The server's answer to GET {path} is no JSON object")
        return document


def _reason(body: bytes) -> str:
    """The protocol's `error`, else the beginning of what was answered."""
    try:
        return str(json.loads(body)["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
