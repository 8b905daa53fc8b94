"""How many Python calls and bytecodes each stage executes for one query: the same numbers in every run.

Counted with `sys.settrace` while a few queries pass. A function belongs to the stage that the nearest of its callers
has begun. What C does (JSON, packing, copying) is no bytecode, and a compiled function has none, so it is the source
that is counted: `python -m benchmarks.path.source benchmarks.path.bytecodes QUERIES` prints the counts as JSON.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import msgspec
import uvloop

from benchmarks.path.rig import CONNECTIONS, different_requests, steady_rig
from benchmarks.path.source import run_on_source
from benchmarks.path.stages import SPANS, Stage

QUERIES = 32 * CONNECTIONS

Tracer = Callable[[FrameType, str, Any], Any]


def none_yet() -> dict[Stage, int]:
    return dict.fromkeys(Stage, 0)


@dataclass
class Counts:
    """Of all queries together."""

    queries: int
    calls: dict[Stage, int] = field(default_factory=none_yet)
    bytecodes: dict[Stage, int] = field(default_factory=none_yet)


class Counting:
    """A trace function that counts for the stage in which a frame runs."""

    def __init__(self, queries: int) -> None:
        self.counts = Counts(queries)
        self._begins: dict[CodeType, Stage] = {span.function.__code__: span.stage for span in SPANS}
        self._tracers = {stage: self._tracer(stage) for stage in Stage}

    def call(self, frame: FrameType, _event: str, _argument: Any) -> Tracer | None:
        """For `sys.settrace`: a frame begins."""
        stage = self._stage(frame)
        if stage is None:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self.counts.calls[stage] += 1
        return self._tracers[stage]

    def _stage(self, frame: FrameType | None) -> Stage | None:
        while frame is not None:
            stage = self._begins.get(frame.f_code)
            if stage is not None:
                return stage
            frame = frame.f_back
        return None

    def _tracer(self, stage: Stage) -> Tracer:
        bytecodes = self.counts.bytecodes

        def count(_frame: FrameType, event: str, _argument: Any) -> Tracer:
            if event == "opcode":
                bytecodes[stage] += 1
            return count

        return count


@contextmanager
def traced(tracer: Tracer) -> Iterator[None]:
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(None)


def bytecodes_as_python(queries: int = QUERIES) -> Counts:
    """Those of so many queries: a multiple of CONNECTIONS."""
    return msgspec.json.decode(run_on_source(__name__, str(queries)), type=Counts)


async def count_bytecodes(queries: int) -> Counts:
    """What `bytecodes_as_python` returns, in this process: on the source only."""
    counting = Counting(queries)
    async with steady_rig() as rig:
        asked = different_requests(queries)
        with traced(counting.call):
            await rig.answer(asked)
    return counting.counts


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(count_bytecodes(int(sys.argv[1])))))
