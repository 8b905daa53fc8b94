"""Durable feedback on an ensemble of four: how much of it one frontend takes, and what the cache does for it."""

from statistics import median

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.bench import Bench
from benchmarks.layer.server import Layer, fresh_folder
from benchmarks.load import replay
from benchmarks.report import Sheet
from benchmarks.section import Section, at_least
from benchmarks.selection.served import WIDTH, App, bodies, serving, shot

APP = App("feedback", [f"linear-{n}" for n in range(4)], "exp4")
CONNECTIONS = 256  # each waits for the disk; what is waiting goes there together
INPUTS, USERS = 2000, 1000

RATE, GAIN = 15_000, 2.0
LABEL = ', "label": 0'


def measure(bench: Bench) -> Section:
    """Rounds of all three kinds, one after the other."""
    with fresh_folder() as folder, serving(folder, linear_models(), [APP]) as server:
        path = f"/{APP.name}/update"
        shots = {
            "every input cached": shot(bench.folder, "warm", path, bodies(INPUTS, LABEL, different=False)),
            "every input new": shot(bench.folder, "cold", path, bodies(INPUTS, LABEL)),
            f"cached, of {USERS:,} users": shot(
                bench.folder, "users", path, bodies(INPUTS, LABEL, users=USERS, different=False)
            ),
        }
        rates: dict[str, list[float]] = {name: [] for name in shots}
        late: dict[str, float] = {}
        for _ in range(bench.rounds):
            for name, each in shots.items():
                replay(server.port, each, CONNECTIONS, 1.0)
                before = _acknowledged(server)
                sample = replay(server.port, each, CONNECTIONS, bench.seconds)
                counted = _acknowledged(server) - before
                if sample.errors or counted < sample.requests:
                    bench.tell(f"{name}: {sample.errors} errors, {counted:,} counted of {sample.requests:,}")
                rates[name].append(min(sample.per_second, counted / sample.requests * sample.per_second))
                late[name] = sample.p99_us / 1000
    warm, cold, _ = (median(each) for each in rates.values())
    bench.tell(", ".join(f"{name}: {median(each):,.0f}/s" for name, each in rates.items()))
    rows: list[tuple[str, ...]] = [(name, f"{median(each):,.0f}", f"{late[name]:.1f}") for name, each in rates.items()]
    return Section(
        "feedback",
        "Durable feedback",
        "An ensemble of four linear models of scikit-learn with `exp4` on one frontend; each feedback names its input "
        "and has its label, so that what the models say is joined through the cache. "
        f"{CONNECTIONS} connections in a closed loop; an answer comes when the change is on disk. Only feedback "
        "counts that the server has counted. The paper's prototype, in its own process on a larger machine, took "
        "10,929/s with the cache and 6,708/s without.",
        [Sheet("Feedback", ("", "acknowledged per second", "p99, ms"), rows)],
        [
            at_least("feedback, every input cached", warm, RATE, "/s"),
            at_least("against the same with every input new", warm / cold, GAIN),
        ],
    )


def linear_models() -> dict[str, object]:
    rng = np.random.default_rng(0)
    inputs = rng.random((400, WIDTH))
    return {name: LogisticRegression().fit(inputs, inputs @ rng.normal(size=WIDTH) > 0.0) for name in APP.models}


def _acknowledged(server: Layer) -> float:
    metrics = server.read().metrics
    return next((value for name, value in metrics.items() if name == "clipper_feedback_total"), 0.0)
