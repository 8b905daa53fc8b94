"""Durable feedback on an ensemble of four: how much of it one frontend takes, and what the cache does for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.bench import Bench
from benchmarks.bodies import Body, Shot
from benchmarks.layer.server import Layer, fresh_folder
from benchmarks.load import replay
from benchmarks.report import Sheet
from benchmarks.section import Section, at_least
from benchmarks.selection.served import WIDTH, App, bodies, serving, shot, update_batches

APP = App("feedback", [f"linear-{n}" for n in range(4)], "exp4")
CONNECTIONS = 256  # each waits for the disk; what is waiting goes there together
INPUTS, USERS = 2000, 1000
BATCH, BATCH_CONNECTIONS = 100, 16
NEW = 100_000  # inputs, more than a run of batches can ask; each run has its own

RATE, GAIN = 15_000, 2.0
LABEL = ', "label": 0'


@dataclass
class Kind:
    """One way to tell: its feedbacks, by the number of the run, how many are in a request, and its rounds."""

    name: str
    shot: Callable[[int], Shot]
    in_request: int = 1
    rates: list[float] = field(default_factory=list)  # acknowledged and counted per second
    p99_ms: float = 0.0

    @property
    def rate(self) -> float:
        return median(self.rates)

    @property
    def us(self) -> float:
        """Microseconds between two."""
        return 1e6 / max(self.rate, 1.0)

    @property
    def connections(self) -> int:
        return CONNECTIONS if self.in_request == 1 else BATCH_CONNECTIONS


def measure(bench: Bench) -> Section:
    """Rounds of all kinds, one after the other."""
    with fresh_folder() as folder, serving(folder, linear_models(), [APP]) as server:
        kinds = _kinds(bench)
        for number in range(bench.rounds):
            for kind in kinds:
                replay(server.port, kind.shot(2 * number), kind.connections, 1.0)
                asked = kind.shot(2 * number + 1)
                before = _acknowledged(server)
                sample = replay(server.port, asked, kind.connections, bench.seconds)
                counted, said = _acknowledged(server) - before, sample.requests * kind.in_request
                if sample.errors or counted < said:
                    bench.tell(f"{kind.name}: {sample.errors} errors, {counted:,} counted of {said:,}")
                kind.rates.append(min(said, counted) / bench.seconds)
                kind.p99_ms = sample.p99_us / 1000
    warm, cold, _, warm_batches, cold_batches = kinds
    bench.tell(", ".join(f"{kind.name}: {kind.rate:,.0f}/s" for kind in kinds))
    rows: list[tuple[str, ...]] = [(kind.name, f"{kind.rate:,.0f}", f"{kind.p99_ms:.1f}") for kind in kinds]
    return Section(
        "feedback",
        "Durable feedback",
        "An ensemble of four linear models of scikit-learn with `exp4` on one frontend; each feedback names its input "
        "and has its label, so that what the models say is joined through the cache. "
        f"{CONNECTIONS} connections in a closed loop ({BATCH_CONNECTIONS} with batches); an answer comes when it is "
        "on disk. Only feedback counts that the server has counted. The paper's prototype, in its own process on a "
        "larger machine, took 10,929/s with the cache and 6,708/s without. "
        f"Asking the four models, which batching makes cheap, costs {cold.us - warm.us:.0f} of {cold.us:.0f} µs of a "
        f"feedback, in batches {cold_batches.us - warm_batches.us:.0f} of {cold_batches.us:.0f}: what costs less than "
        "half cannot halve the rate, as it did where a cold cache was slow.",
        [Sheet("Feedback", ("", "acknowledged per second", "p99, ms"), rows)],
        [
            at_least("feedback, every input cached", warm.rate, RATE, "/s"),
            at_least("against the same with every input new", warm.rate / cold.rate, GAIN),
            at_least(
                f"in batches of {BATCH}: against the same with every input new",
                warm_batches.rate / cold_batches.rate,
                GAIN,
            ),
        ],
    )


def _kinds(bench: Bench) -> list[Kind]:
    path = f"/{APP.name}/update"

    def made(name: str, feedbacks: Iterable[Body]) -> Callable[[int], Shot]:
        one = shot(bench.folder, name, path, feedbacks)
        return lambda _number: one

    def new_batches(number: int) -> Shot:
        feedbacks = bodies(NEW, LABEL, different=False, seed=1 + number)
        return shot(bench.folder, f"new-{number}", path, update_batches(feedbacks, BATCH))

    cached = partial(bodies, INPUTS, LABEL, different=False)
    return [
        Kind("every input cached", made("warm", cached())),
        Kind("every input new", made("cold", bodies(INPUTS, LABEL))),
        Kind(f"cached, of {USERS:,} users", made("users", cached(users=USERS))),
        Kind(f"cached, in batches of {BATCH}", made("batches", update_batches(cached(), BATCH)), BATCH),
        Kind(f"new, in batches of {BATCH}", new_batches, BATCH),
    ]


def linear_models() -> dict[str, object]:
    rng = np.random.default_rng(0)
    inputs = rng.random((400, WIDTH))
    return {name: LogisticRegression().fit(inputs, inputs @ rng.normal(size=WIDTH) > 0.0) for name in APP.models}


def _acknowledged(server: Layer) -> float:
    metrics = server.read().metrics
    return next((value for name, value in metrics.items() if name == "clipper_feedback_total"), 0.0)
