"""Asks a Julius that runs beside the container: the likeliest word of each of HTK's parameter files, and its score."""

import os
import re
import select
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

PROMPT = b"enter MFCC filename->"
PATIENCE_S = 20.0
MOST_BYTES = 65536
SHOWN_CHARACTERS = 500

HEADER = struct.Struct(">iihh")
"""Vectors, their distance in 100 ns, bytes of each, kind (The HTK Book, 5.10.1)."""

ANSWER = re.compile(r"^sentence1: (\S+)$.*^score1: (\S+)$", re.MULTILINE | re.DOTALL)
VECTOR_SIZE = re.compile(r"<VECSIZE>\s*(\d+)", re.IGNORECASE)


def binary() -> Path:
    """Where PySegmentKit keeps Julius; it forgets that it is a program."""
    package = find_spec("PySegmentKit")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("there is no PySegmentKit here, which brings Julius: add it to the requirements")
    found = Path(package.origin).parent / "bin" / "linux" / "julius"
    found.chmod(0o755)
    return found


def command(bundle: Path) -> list[str]:
    files = ["-h", str(bundle / "hmmdefs"), "-w", str(bundle / "dictionary"), "-wsil", "sil", "sil", "NULL"]
    return [str(binary()), *files, "-input", "mfcfile"]


class Julius:
    """One engine: takes the name of a file, and says what it has heard. Begins anew if it has ended."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._start()

    def ask(self, file: str) -> str:
        if self._process.poll() is not None:
            self._start()
        os.write(self._asked, file.encode() + b"\n")
        return self._said()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        # Line by line, or what it says of one file would come with the next.
        self._process = subprocess.Popen(
            ["stdbuf", "-oL", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._said()

    def _said(self) -> str:
        """All until it asks for the next file; ends it if it says nothing, or one error without end, as it may."""
        said = b""
        until = time.monotonic() + PATIENCE_S
        while not said.endswith(PROMPT):
            left_s = until - time.monotonic()
            ready = left_s > 0 and select.select([self._answers], [], [], left_s)[0]
            part = os.read(self._answers, MOST_BYTES) if ready and len(said) < MOST_BYTES else b""
            if not part:
                self._process.kill()
                raise RuntimeError(f"Julius has ended with {self._process.wait()}: {explained(words(said))}")
            said += part
        return words(said)


def words(said: bytes) -> str:
    return said.decode("utf-8", "replace").removesuffix(PROMPT.decode())


def explained(said: str) -> str:
    """Its errors, each once, or the last that it has said."""
    errors = dict.fromkeys(line for line in said.splitlines() if line.startswith("Error"))
    return "; ".join(errors)[:SHOWN_CHARACTERS] or said[-SHOWN_CHARACTERS:].strip()


def check(content: bytes, size: int) -> None:
    """Raises ValueError for what is no parameter file: Julius believes what a header says."""
    count, _, vector_bytes, _ = HEADER.unpack_from(content.ljust(HEADER.size, b"\0"))
    if count < 1 or vector_bytes != 4 * size or len(content) != HEADER.size + count * vector_bytes:
        raise ValueError(f"no HTK parameter file of vectors of {size} numbers: its header does not fit its length")


def load(bundle: Path) -> Callable[[Sequence[bytes]], list[dict[str, object]]]:
    vectors = VECTOR_SIZE.search((bundle / "hmmdefs").read_text())
    if vectors is None:
        raise ValueError("hmmdefs has no <VECSIZE>: expected definitions as HTK writes them")
    size = int(vectors[1])
    julius = Julius(command(bundle))

    def heard(content: bytes) -> dict[str, object]:
        check(content, size)
        with tempfile.NamedTemporaryFile(suffix=".mfc") as file:
            file.write(content)
            file.flush()
            said = julius.ask(file.name)
        found = ANSWER.search(said)
        if found is None:
            julius.end()  # or what it has still to say of this file would be taken for the next one's
            raise ValueError(f"Julius has not recognised it: {explained(said)}")
        return {"word": found[1], "score": float(found[2])}

    return lambda inputs: [heard(each) for each in inputs]
