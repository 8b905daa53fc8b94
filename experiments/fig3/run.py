"""The paper's Fig. 3: what a container takes for batches of all sizes, by model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from numpy.typing import NDArray

from benchmarks.bodies import BINARY
from benchmarks.layer import models
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.server import APPLICATION, Layer, fresh_folder, layer
from benchmarks.section import Line, Plot
from experiments.lib import imagenet
from experiments.lib.data import RESNET20, RESNET32
from experiments.lib.finding import Claim, Finding, Measured, at_least, at_most, sheet
from experiments.lib.networks import LIVE_REQUIREMENTS, Pixels
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

SIZES, QUICK_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), (1, 16, 256)
REPEATS, QUICK_REPEATS = 12, 4
OBJECTIVE_MS, PATIENT_MS, ENOUGH_MS = 20.0, 60_000.0, 400.0
WHOLE = 0.99  # of the batches have to be of the size asked for


RESNETS = (RESNET20, RESNET32)
RESNET_SIDE = 32  # pixels
EFFICIENTNET = "lite0"  # the smallest
IMAGES = 16  # different ones of a network's; a number is added to all in each batch

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """A model, how it is deployed, and what it is asked."""

    name: str
    model: object
    options: dict[str, Any]
    rows: Rows


@dataclass(frozen=True)
class Curve:
    """A model's latencies in ms, by batch size."""

    model: str
    latency_ms: dict[int, float]

    def largest(self) -> float:
        """The batch that takes 20 ms: between two sizes on the line through them, beyond all through first and last."""
        sizes, times = list(self.latency_ms), list(self.latency_ms.values())
        place = next((n for n, each in enumerate(times) if each >= OBJECTIVE_MS), len(times))
        if place == 0:
            return 1.0
        before = 0 if place == len(times) else place - 1
        last = min(place, len(times) - 1)
        slope = (times[last] - times[before]) / (sizes[last] - sizes[before])
        return sizes[before] + (OBJECTIVE_MS - times[before]) / max(slope, 1e-6)


def run(setting: Setting) -> Finding:
    """All models, one after the other, on one server."""
    bench = timed(setting)
    sizes = setting.choose(SIZES, QUICK_SIZES)
    with fresh_folder() as folder, layer(folder, PATIENT_MS) as server:
        curves = [_curve(bench, server, subject, sizes) for subject in _subjects(setting, bench)]
    largest = {curve.model: curve.largest() for curve in curves}
    rows = []
    for curve in curves:
        cells = [f"{curve.latency_ms[size]:.2f}" if size in curve.latency_ms else "–" for size in sizes]
        rows.append((curve.model, *cells, f"{largest[curve.model]:,.0f}"))
    apart = Measured(largest[models.LINEAR] / largest[models.KERNEL])
    slow, fast = (curves[[c.model for c in curves].index(name)].latency_ms for name in (models.KERNEL, models.LINEAR))
    size = min(max(slow), max(fast))
    claims = [
        at_least("largest batch at 20 ms, linear SVM's of kernel SVM's (the paper: 241)", apart, 100, "×"),
        at_least(f"a batch of {size}: kernel SVM's time of linear SVM's", Measured(slow[size] / fast[size]), 10, "×"),
        *_slower(largest),
        at_most("linear SVM: a batch of 16, of one input's time", Measured(fast[16] / fast[1]), 4, "×"),
    ]
    lines = [Line(each.model, list(each.latency_ms), list(each.latency_ms.values())) for each in curves]
    plot = Plot("fig3", "Latency against batch size", "batch size", "ms", lines, limits=[("20 ms", OBJECTIVE_MS)],
                log_x=True, log_y=True)  # fmt: skip
    table = sheet("A batch takes, ms", ("model", *map(str, sizes), "largest at 20 ms"), rows)
    return Finding("fig3", claims, [table], [plot])


def _slower(largest: dict[str, float]) -> list[Claim]:
    """Of the deepest network, if it is there."""
    if RESNET32.name not in largest:
        return []
    apart = Measured(largest[models.LINEAR] / largest[RESNET32.name])
    return [at_least(f"largest batch at 20 ms, linear SVM's of {RESNET32.name}'s", apart, 100, "×")]


def _subjects(setting: Setting, bench: LayerBench) -> Iterator[Subject]:
    """Models on MNIST, then the networks on CIFAR-10 whose files are there, then one on ImageNet."""
    for name in models.ALL:
        if not (setting.quick and name == models.CONVNET):
            model, options = bench.model(name)
            yield Subject(name, model, options, bench.digits.test)
    for network in RESNETS:
        if setting.data.has(network):
            yield _network(network.name, setting.data.path(network).read_bytes(), RESNET_SIDE)
        else:
            setting.tell(f"{network.name} is left out: {network.file} is not in the data folder")

    if not setting.quick:
        graph = imagenet.graphs(setting)[EFFICIENTNET]
        yield _network("EfficientNet-Lite0", graph, imagenet.SIDES[EFFICIENTNET])


def _network(name: str, graph: bytes, side: int) -> Subject:
    rows = np.random.default_rng(0).normal(size=(IMAGES, 3 * side**2))
    options = {"requirements": LIVE_REQUIREMENTS, "example": rows[0].tolist()}
    return Subject(name, Pixels(graph, side), options, rows)


def _curve(bench: LayerBench, server: Layer, subject: Subject, sizes: tuple[int, ...]) -> Curve:
    server.deploy(subject.model, **subject.options)
    found: dict[int, float] = {}
    for size in sizes:
        server.batching("fixed", size)
        rows = np.resize(subject.rows, (size, subject.rows.shape[1]))
        found[size] = _batch_ms(bench, server, rows)
        if found[size] > ENOUGH_MS:
            break
    bench.tell(f"{subject.name}: {', '.join(f'{size} {ms:.2f} ms' for size, ms in found.items())}")
    return Curve(subject.name, found)


def _batch_ms(bench: LayerBench, server: Layer, rows: Rows) -> float:
    """The mean over some batches, every input new."""
    rng = np.random.default_rng(len(rows))
    _post(server, rows + rng.random())
    before = server.read()
    for _ in range(QUICK_REPEATS if bench.quick else REPEATS):
        _post(server, rows + rng.random())
    use = server.use(before)
    if use.mean_batch < WHOLE * len(rows):
        bench.tell(f"batches of {use.mean_batch:.1f} where {len(rows)} were asked for")
    return use.computing * use.seconds / use.batches * 1000 * len(rows) / use.mean_batch


def _post(server: Layer, rows: Rows) -> None:
    url = f"http://127.0.0.1:{server.port}/{APPLICATION}/predict?dtype=float64&batch={len(rows)}"
    with urlopen(Request(url, rows.tobytes(), {"Content-Type": BINARY}), timeout=60) as reply:
        reply.read()
