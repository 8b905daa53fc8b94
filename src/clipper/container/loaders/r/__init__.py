"""R: models, or functions of a data frame, that `saveRDS` wrote; a container keeps one R at work, over pipes."""

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import Input

PROGRAM = "Rscript"

_SCRIPT = Path(__file__).with_name("serve.R")
_TWO = struct.Struct("<ii")
_NUMBERS, _TEXTS, _FAILURE = range(3)


class RError(Exception):
    """What R said instead of an answer."""


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """What `predict` gives for rows of a data frame with the columns that the model was fitted to.

    Raises UNAVAILABLE if R is not installed, RError with R's own words for a model that it cannot read.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        message = f"{PROGRAM} is not on the PATH of the server: install R (Debian: apt-get install r-base-core)"
        raise ClipperError(ErrorCode.UNAVAILABLE, message)
    worker = _Worker([program, "--vanilla", str(_SCRIPT), str(folder / manifest.entry), manifest.output])
    worker.start()
    return LoadedModel(worker.predict, example)


class _Worker:
    """One R process. It ends with this one, since its input ends then; if it ends before, another takes its place."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it has read the model."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answer(self._process)

    def predict(self, inputs: Any) -> Any:
        """One number, list of numbers or text for each row. Raises RError."""
        rows = np.ascontiguousarray(inputs, "<f8")
        if rows.ndim != 2:
            raise RError(f"The input has {rows.ndim - 1} dimensions; a row of a data frame has one")
        if self._process is None:
            self.start()
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            process.stdin.write(_TWO.pack(*rows.shape) + rows.tobytes())
            process.stdin.flush()
            return self._answer(process, len(rows))
        except OSError:
            raise self._ended(process) from None

    def _answer(self, process: "subprocess.Popen[bytes]", count: int = 0) -> Any:
        kind, size = _TWO.unpack(self._read(process, _TWO.size))
        if kind == _NUMBERS:
            values = np.frombuffer(self._read(process, 8 * size * count), "<f8")
            return values if size == 1 else values.reshape(count, size)
        texts = [self._read_text(process) for _ in range(size)]
        if kind == _FAILURE:
            raise RError(texts[0])
        return texts

    def _read(self, process: "subprocess.Popen[bytes]", count: int) -> bytes:
        assert process.stdout is not None
        data = process.stdout.read(count)
        if len(data) < count:
            raise self._ended(process)
        return data

    def _read_text(self, process: "subprocess.Popen[bytes]") -> str:
        text = bytearray()
        while (character := self._read(process, 1)) != b"\0":
            text += character
        return text.decode(errors="replace")

    def _ended(self, process: "subprocess.Popen[bytes]") -> RError:
        """R has gone, and will be started again for the next batch."""
        self._process = None
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        return RError(f"R has ended with {process.wait()}; its words are in the log")
