"""A second replica of a model that waits for something else than a processor."""

from benchmarks.layer.bench import LayerBench
from benchmarks.layer.load import Closed, closed, middle, who_bounds
from benchmarks.layer.models import Sleeper
from benchmarks.layer.server import fresh_folder, layer
from benchmarks.report import Sheet
from benchmarks.section import Section, at_least

SLEEP_S = 0.005
BATCH = 16  # at most: two replicas then answer at most 6,400/s, which leaves the front end out of it
SLO_MS = 200.0
CONNECTIONS = 4 * BATCH  # for each replica: two batches in flight, and two waiting
TARGET = 1.9


def measure(bench: LayerBench) -> Section:
    """One replica and two in turn, changed while they serve."""
    shot = bench.raw()
    found: dict[int, list[Closed]] = {1: [], 2: []}
    example = bench.digits.test[0].tolist()
    with fresh_folder() as folder, layer(folder, slo_ms=SLO_MS) as server:
        server.deploy(Sleeper(SLEEP_S), example=example, batch_size=BATCH)
        for _ in range(bench.rounds):
            for replicas, results in found.items():
                server.client.set_num_replicas(server.name, replicas)
                closed(server, shot, CONNECTIONS * replicas, 1.0)
                results.append(closed(server, shot, CONNECTIONS * replicas, bench.seconds))
                bench.tell(f"{replicas} replicas: {results[-1].per_second:,.0f}/s")
    one, two = middle(found[1]), middle(found[2])
    rows: list[tuple[str, ...]] = [
        (
            str(replicas),
            f"{each.per_second:,.0f}",
            f"{each.use.mean_batch:.1f}",
            f"{each.p99_ms:.1f}",
            who_bounds(each.cores),
        )
        for replicas, each in ((1, one), (2, two))
    ]
    return Section(
        "replicas",
        "Replicas",
        f"A model that sleeps {SLEEP_S * 1000:g} ms for a batch of at most {BATCH}, in a closed loop.",
        [Sheet("Replicas", ("replicas", "answers/s", "mean batch", "p99, ms", "cores in use"), rows)],
        [
            at_least(
                "replicas 1 → 2, a model that sleeps 5 ms per batch", two.per_second / max(one.per_second, 1e-9), TARGET
            )
        ],
    )
