"""Large inputs: images as binary bodies, and many doubles as JSON, beside mosec and LitServe."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from benchmarks.bodies import BINARY, Body, Shot, raw_bodies, write_bodies
from benchmarks.cases import Model, RequestFormat, Settings
from benchmarks.environment import python_for
from benchmarks.layer.bench import LayerBench
from benchmarks.layer.models import NoOp
from benchmarks.layer.server import PATH, fresh_folder, layer
from benchmarks.openloop.run import in_turn
from benchmarks.peers import litserve, mosec
from benchmarks.peers.target import REPOSITORY, Target, fresh_start, post, started, wait_ready
from benchmarks.processes import free_port, running
from benchmarks.report import Sheet
from benchmarks.rounds import FAILURES, describe, reason
from benchmarks.section import Section, at_least
from benchmarks.targets import NOT_MEASURED, Verdict
from clipper.cli.bench.outcome import Kind

SHAPE = (224, 224, 3)
IMAGES = 64
CONNECTIONS = 64
WARM_UP = 1000  # requests
SLO_MS = 1000.0  # the throughput is what is compared, and others have no objective
IMAGE_PATH = f"{PATH}?dtype=uint8&shape={','.join(map(str, SHAPE))}"
MSGPACK = "application/msgpack"
BIN_32 = b"\xc6"  # msgpack's mark for up to 4 GiB of bytes; their number follows, big-endian
BATCHES: tuple[Settings, ...] = (
    {"max_batch_size": 32, "max_wait_time": 1},
    {"max_batch_size": 8, "max_wait_time": 1},
    {"max_batch_size": 1, "max_wait_time": 0},
)
LITSERVE: tuple[Settings, ...] = litserve.TARGET.settings[:2]
CLIPPER, MOSEC, LIT = "Clipper", "mosec", "LitServe"

Load = Callable[[int], float]
"""Loads a running system with so many requests, and says how many of them it answered per second."""

Serving = Callable[[], AbstractContextManager[Load]]


@dataclass
class System:
    """One way to serve: what it is, and its rounds in answers per second."""

    name: str
    settings: str
    serving: Serving
    rates: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def per_second(self) -> float:
        return median(self.rates) if self.rates else 0.0


def measure(bench: LayerBench) -> Section:
    """Both kinds of body, no-op models, all systems in turn."""
    images, numbers = _images(bench), _numbers(bench)
    for number in range(bench.rounds):
        for system in (*images, *numbers):
            if number == 0 or system in (_best(images, system.name), _best(numbers, system.name)):
                _round(bench, system, number)
    sheets = [_sheet("150 kB images", images), _sheet("784 doubles as JSON", numbers)]
    return Section(
        "large",
        "Large inputs",
        f"No-op models, {CONNECTIONS} connections, every input different. Images are 224 × 224 × 3 bytes: raw for "
        "Clipper, as msgpack for mosec. Others' settings: the fastest of those tried, in "
        "the first round.",
        sheets,
        [
            _verdict("150 kB images as binary bodies", images, MOSEC, 2),
            _verdict("784 doubles as JSON", numbers, LIT, 8),
            _verdict("784 doubles as JSON", numbers, MOSEC, 2),
        ],
    )


def _round(bench: LayerBench, system: System, number: int) -> None:
    if system.failure:
        return
    try:
        with system.serving() as load:
            expected = load(WARM_UP)
            system.rates.append(load(max(WARM_UP, round(bench.seconds * expected))))
    except FAILURES as error:
        system.failure = reason(error)
    rate = system.failure or f"{system.per_second:,.0f}/s"
    bench.tell(f"round {number + 1}: {system.name} {system.settings}: {rate}")


def _images(bench: LayerBench) -> list[System]:
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *SHAPE), np.uint8)
    raw = write_bodies(bench.folder / "images", raw_bodies(pixels))
    head = BIN_32 + pixels[0].nbytes.to_bytes(4, "big")
    packed = write_bodies(bench.folder / "packed", (Body(head + image.tobytes(), len(head)) for image in pixels))
    shot = Shot(IMAGE_PATH, BINARY, raw)
    systems = [System(CLIPPER, "as it comes", lambda: _clipper(shot, "bytes", pixels[0].tobytes()))]
    for settings in BATCHES[: 1 if bench.quick else None]:
        serving = _mosec_images(bench, settings, Shot("/inference", MSGPACK, packed), head + pixels[0].tobytes())
        systems.append(System(MOSEC, describe(settings), serving))
    return systems


def _numbers(bench: LayerBench) -> list[System]:
    shot = bench.json(PATH, RequestFormat(PATH))
    example = bench.digits.test[0].tolist()
    systems = [System(CLIPPER, "as it comes", lambda: _clipper(shot, "doubles", example))]
    for target, candidates in ((mosec.TARGET, BATCHES), (litserve.TARGET, LITSERVE)):
        systems += [
            System(target.title, describe(settings), _numbers_of(bench, target, settings))
            for settings in candidates[: 1 if bench.quick else None]
        ]
    return systems


def _load(port: int, shot: Shot) -> Load:
    """By `benchmarks/openloop`: an image costs it 50 µs of the processors it shares with the system, and wrk 260."""

    def load(count: int) -> float:
        trace = in_turn(port, shot, count, CONNECTIONS)
        return float(np.sum(trace.kind == Kind.ANSWERED) / np.nanmax(trace.done))

    return load


@contextmanager
def _clipper(shot: Shot, input_type: str, example: object) -> Iterator[Load]:
    with fresh_folder() as folder, layer(folder, SLO_MS, input_type) as server:
        server.deploy(NoOp(), example=example)
        yield _load(server.port, shot)


def _numbers_of(bench: LayerBench, target: Target, settings: Settings) -> Serving:
    @contextmanager
    def serving() -> Iterator[Load]:
        with started(target, Model.NOOP, settings, bench.cache) as endpoint:
            shot = bench.json(endpoint.request.path, endpoint.request)
            yield _load(endpoint.port, shot)

    return serving


def _mosec_images(bench: LayerBench, settings: Settings, shot: Shot, example: bytes) -> Serving:
    @contextmanager
    def serving() -> Iterator[Load]:
        python = python_for("mosec", bench.cache)
        port = free_port()
        with fresh_start(Model.NOOP, settings, bench.cache) as start:
            variables = {"PYTHONPATH": str(REPOSITORY)} | start.job(port).environment()
            command = [str(python), "-m", "benchmarks.services.mosec_images"]
            with running(command, start.folder, variables) as process:
                wait_ready(lambda: bool(post(port, shot.path, example)), lambda: process.poll() is None, start.folder)
                yield _load(port, shot)

    return serving


def _best(systems: list[System], name: str) -> System | None:
    """Of the settings of one system; None if it is not there."""
    mine = [system for system in systems if system.name == name]
    return max(mine, key=lambda system: system.per_second, default=None)


def _verdict(condition: str, systems: list[System], name: str, target: float) -> Verdict:
    ours, theirs = _best(systems, CLIPPER), _best(systems, name)
    assert ours is not None
    assert theirs is not None
    if not theirs.rates or not ours.rates:
        return Verdict(condition, f"≥ {target:g} × {name}", theirs.failure or ours.failure or NOT_MEASURED, None)
    return at_least(condition, ours.per_second / max(theirs.per_second, 1e-9), target, f"× {name}")


def _sheet(title: str, systems: list[System]) -> Sheet:
    rows: list[tuple[str, ...]] = [
        (each.name, f"failed: {each.failure[:60]}" if each.failure else f"{each.per_second:,.0f}", each.settings)
        for each in systems
    ]
    return Sheet(title, ("system", "answers/s", "settings"), rows)
