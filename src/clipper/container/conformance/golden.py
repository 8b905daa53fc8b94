"""The golden vectors of the protocol, byte by byte."""

import tomllib
from importlib.resources import files

from clipper.container.conformance.agreed import data, numbers, text
from clipper.core.inputs import DType, Input

GOLDEN_TOKEN = bytes(range(32)).hex()
"""Of the handshake among them."""

GOLDEN_BATCHES: dict[str, tuple[int, list[Input]]] = {
    "predict_doubles": (7, [numbers(DType.FLOAT64, (2,), 1.0, 2.0), numbers(DType.FLOAT64, (2,), -0.5, 3.0)]),
    "predict_floats_matrix": (11, [numbers(DType.FLOAT32, (2, 2), 1.0, 2.0, 3.0, 4.0)]),
    "predict_integers_ragged": (8, [numbers(DType.INT32, (1,), -1), numbers(DType.INT32, (2,), 2, 3)]),
    "predict_strings": (9, [text("hi"), text("é")]),
    "predict_bytes": (10, [data(b"\0\1\2")]),
    "predict_uint8_tensor": (12, [numbers(DType.UINT8, (1, 2, 3), *range(6))]),
}
"""What the batches among them hold: the batch's id, and its inputs."""


def golden(name: str) -> bytes:
    """The frame of that name."""
    vectors = tomllib.loads(files("clipper.wire").joinpath("golden_vectors.toml").read_text(encoding="utf-8"))
    return bytes.fromhex(vectors[name]["hex"])
