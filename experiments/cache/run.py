"""What the prediction cache is worth: for repeats, for feedback, and for inputs that are only alike."""

from statistics import median

import numpy as np

from benchmarks.cache.traces import zipf
from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.cases.nearby import MAX_DISAGREEMENT, PART, repeats
from benchmarks.layer.server import APPLICATION, fresh_folder, layer
from benchmarks.load import replay
from benchmarks.report import Sheet
from benchmarks.selection.cases.feedback import APP, CONNECTIONS, INPUTS, LABEL, linear_models
from benchmarks.selection.served import bodies, serving, shot
from experiments.lib import statistics
from experiments.lib.finding import Claim, Finding, Measured, at_least, at_most, sheet
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

KEYS, ASKED = 2000, 20_000
CLOSED = 32  # connections
USERS = 100
PAPER = {"every input cached": "10,929", "every input new": "6,708"}

Part = tuple[list[Claim], Sheet]


def run(setting: Setting) -> Finding:
    """The three parts."""
    bench = timed(setting)
    parts = [_zipf(bench), _feedback(bench), _nearby(bench)]
    return Finding("cache", [claim for claims, _ in parts for claim in claims], [table for _, table in parts])


def _zipf(bench: LayerBench) -> Part:
    rows = np.resize(bench.digits.test, (KEYS, bench.digits.test.shape[1]))
    asked = bench.sequence("zipf", rows[zipf(ASKED, KEYS, np.random.default_rng(0))])
    rates: dict[bool, list[float]] = {True: [], False: []}
    with fresh_folder() as folder, layer(folder) as server:
        server.deploy(bench.estimator(models.KERNEL))
        for _ in range(max(2, bench.rounds)):
            for cached, found in rates.items():
                server.client.set_application(APPLICATION, cache=cached)
                replay(server.port, asked, CLOSED, 1.0)
                found.append(replay(server.port, asked, CLOSED, bench.seconds).per_second)
    gain = statistics.ratio(rates[True], rates[False])
    bench.tell(f"Zipf: {gain.text('×')}")
    cells = [("with the cache", f"{median(rates[True]):,.0f}"), ("without", f"{median(rates[False]):,.0f}")]
    claim = at_least("Zipf over MNIST: throughput with the cache, of that without", gain, 1.6, "×")
    return [claim], sheet("Queries of a kernel SVM, drawn by Zipf's law", ("", "answers/s"), cells)


def _feedback(bench: LayerBench) -> Part:
    rates: dict[str, list[float]] = {}
    path = f"/{APP.name}/update"
    with fresh_folder() as folder, serving(folder, linear_models(), [APP]) as server:
        asked = {
            "every input cached": shot(bench.folder, "warm", path, bodies(INPUTS, LABEL, different=False)),
            "every input new": shot(bench.folder, "cold", path, bodies(INPUTS, LABEL)),
        }
        for _ in range(max(2, bench.rounds)):
            for name, each in asked.items():
                replay(server.port, each, CONNECTIONS, 1.0)
                rates.setdefault(name, []).append(replay(server.port, each, CONNECTIONS, bench.seconds).per_second)
        users = shot(bench.folder, "users", path, bodies(INPUTS, LABEL, users=USERS, different=False))
        windows = [replay(server.port, users, CONNECTIONS, 1.0) for _ in range(2 + 2 * bench.rounds)]
    told = np.cumsum([each.requests for each in windows]) / USERS
    bench.tell(f"feedback: {rates}, {told[-1]:.0f} of each user at the end")
    gain = statistics.ratio(rates["every input cached"], rates["every input new"])
    half = len(windows) // 2
    late = statistics.ratio([each.per_second for each in windows[half:]], [each.per_second for each in windows[:half]])
    rows = [(name, f"{median(each):,.0f}", PAPER[name]) for name, each in rates.items()]
    for place in (0, len(windows) - 1):
        text = f"{windows[place].per_second:,.0f}"
        rows.append(
            (f"cached, of {USERS} users, after {told[place]:.0f} of each", text, "–" if place == 0 else "617 (at 100)")
        )
    claims = [
        at_least("feedback: with the cache, of that without (the paper: 1.6)", gain, 1.6, "×"),
        at_least(f"feedback after {told[half - 1]:.0f} and more of each user, of that before", late, 0.8, "×"),
    ]
    return claims, sheet("Durable feedback on four models, per second", ("", "ours", "the paper's"), rows)


def _nearby(bench: LayerBench) -> Part:
    parts = repeats(bench)
    asked = len(parts) * PART
    wrong = statistics.share(round(sum(each.disagreed for each in parts) * PART), asked)
    later = parts[len(parts) // 2 :]
    saved = Measured(float(np.mean([each.saved for each in later])))
    rows = [(f"{(n + 1) * PART:,}", f"{each.saved:.1%}", f"{each.disagreed:.2%}") for n, each in enumerate(parts)]
    claims = [
        at_most("near-duplicates: answers that differ from the model's", wrong, MAX_DISAGREEMENT),
        at_least("near-duplicates: model calls saved, second half", saved, 0.5),
    ]
    head = ("queries so far", "model calls saved", "not what the model says")
    return claims, sheet("Kernel SVM, near-duplicates", head, rows)
