"""Whether the frontend's memory stays flat over two million different queries."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import Case, Model
from benchmarks.load import closed_loop
from benchmarks.peers.clipper import REQUEST, deployed
from benchmarks.peers.target import fresh_start
from benchmarks.processes import resident_bytes
from benchmarks.rounds import Tell

WARM_UP_QUERIES = 300_000  # more than the cache and the journal of a frontend hold
CHUNK_S = 3.0


@dataclass(frozen=True)
class Memory:
    """The frontend's memory in bytes, after the warm-up and as it went on."""

    queries: list[int]
    sizes: list[int]

    @property
    def growth(self) -> float:
        """At the end, as a share of what it was after the warm-up."""
        return self.sizes[-1] / self.sizes[0] - 1


def measure_memory(queries: int, cache: Path, tell: Tell) -> Memory:
    """Load Clipper until it has answered `queries` more than the warm-up."""
    case = Case(Model.SUM, 64)
    with fresh_start(case.model, {}, cache) as start, deployed(start) as server:
        frontend = server.frontend()
        answered = 0
        counts: list[int] = []
        sizes: list[int] = []
        while not counts or counts[-1] < queries:
            answered += closed_loop(server.query_port, REQUEST, case, CHUNK_S).requests
            if answered < WARM_UP_QUERIES:
                continue
            counts.append(answered - WARM_UP_QUERIES if counts else 0)
            sizes.append(resident_bytes(frontend))
            tell(f"memory after {answered:,} queries: {sizes[-1] / 1e6:.1f} MB")
    return Memory(counts, sizes)
