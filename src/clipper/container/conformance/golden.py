"""The golden vectors of the protocol, byte by byte."""

import tomllib
from importlib.resources import files

GOLDEN_TOKEN = bytes(range(32)).hex()
"""Of the handshake among them."""


def golden(name: str) -> bytes:
    """The frame of that name."""
    vectors = tomllib.loads(files("clipper.wire").joinpath("golden_vectors.toml").read_text(encoding="utf-8"))
    return bytes.fromhex(vectors[name]["hex"])
