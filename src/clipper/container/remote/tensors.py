"""Tensors of the Open Inference Protocol: as JSON, or as bytes behind it where a server takes them.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md and, for bytes,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipper.container.remote.connection import RemoteError

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The HTTP header that says how much of a body is JSON, if bytes follow it."""

BINARY_EXTENSION = "binary_tensor_data"
"""What a server lists that takes and gives bytes."""

BYTES = "BYTES"

NUMPY_TYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "int8",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Of the protocol's data types, but for BYTES, which are texts here."""


class Request(NamedTuple):
    """The body of an inference request, and its headers."""

    body: bytes
    headers: dict[str, str]


def encode(name: str, datatype: str, inputs: Any, *, binary: bool) -> Request:
    """The request for a batch. Raises ValueError if it is no array of that type; inputs of several shapes are none."""
    if datatype == BYTES:
        data: Any = list(inputs)
        shape = [len(data)]
        raw = b"".join(struct.pack("<I", len(each)) + each for each in map(_encoded, data)) if binary else b""
    else:
        array = np.ascontiguousarray(inputs, NUMPY_TYPES[datatype])
        shape = list(array.shape)
        raw = array.tobytes() if binary else b""
        data = None if binary else array.ravel().tolist()
    tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": shape}
    document: dict[str, Any] = {"inputs": [tensor]}
    if not binary:
        tensor["data"] = (
            [each if isinstance(each, str) else _text(each) for each in data] if datatype == BYTES else data
        )
        return Request(json.dumps(document).encode(), {"Content-Type": "application/json"})
    tensor["parameters"] = {"binary_data_size": len(raw)}
    document["parameters"] = {"binary_data_output": True}
    header = json.dumps(document).encode()
    return Request(header + raw, {"Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(header))})


def decode(headers: Mapping[str, str], body: bytes) -> dict[str, NDArray[Any]]:
    """The outputs of a response by name. Raises RemoteError if it is not one."""
    length = headers.get(HEADER_LENGTH.lower())
    try:
        size = len(body) if length is None else int(length)
        outputs: dict[str, NDArray[Any]] = {}
        for tensor in json.loads(body[:size])["outputs"]:
            count = (tensor.get("parameters") or {}).get("binary_data_size")
            if count is None:
                outputs[tensor["name"]] = _from_json(tensor)
            else:
                outputs[tensor["name"]] = _from_bytes(tensor, body[size : size + count])
                size += count
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise RemoteError(
            f"The server's response is not one of the Open Inference Protocol: {type(error).__name__}: {error}"
        ) from error
    return outputs


def _from_json(tensor: Mapping[str, Any]) -> NDArray[Any]:
    datatype = tensor["datatype"]
    values = np.array(tensor["data"], object if datatype == BYTES else NUMPY_TYPES[datatype])
    return values.reshape(tensor["shape"])


def _from_bytes(tensor: Mapping[str, Any], data: bytes) -> NDArray[Any]:
    if tensor["datatype"] == BYTES:
        return np.array(_texts(data), object).reshape(tensor["shape"])
    return np.frombuffer(data, NUMPY_TYPES[tensor["datatype"]]).reshape(tensor["shape"])


def _texts(data: bytes) -> Sequence[str]:
    texts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        texts.append(_text(data[at + 4 : at + 4 + length]))
        at += 4 + length
    return texts


def _encoded(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _text(value: bytes) -> str:
    return value.decode()
