"""Several models and applications on one server, and bodies of eight doubles, for cases that go through HTTP."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.bodies import DIGITS, JSON, NOWHERE, Body, Shot, write_bodies
from benchmarks.layer.server import DEFAULT_OUTPUT, SLO_MS, Layer, layer
from benchmarks.peers.target import post, wait_ready

WIDTH = 8  # doubles of an input


class App(NamedTuple):
    """An application to be made."""

    name: str
    models: Sequence[str]
    policy: str | None = None
    config: dict[str, Any] | None = None
    slo_ms: float = SLO_MS


@contextlib.contextmanager
def serving(folder: Path, models: dict[str, object], apps: Iterable[App]) -> Iterator[Layer]:
    """A server on which every application has answered once."""
    with layer(folder) as server:
        for name, model in models.items():
            server.client.deploy_model(name, 1, model, "doubles", example=[0.0] * WIDTH)
        for app in apps:
            server.client.register_application(
                app.name,
                "doubles",
                DEFAULT_OUTPUT,
                round(app.slo_ms * 1000),
                policy=app.policy,
                policy_config=app.config,
            )
            server.client.set_linked_models(app.name, list(app.models))
            wait_for(server, app.name)
        yield server


def wait_for(server: Layer, app: str) -> None:
    """Until its models answer, not the default output."""
    body = b'{"input": [%b]}' % b", ".join([b"0.5"] * WIDTH)

    def answers() -> bool:
        return b'"default":false' in post(server.port, f"/{app}/predict", body)

    wait_ready(answers, server.server.alive, server.folder)


def bodies(count: int, behind: str = "", *, users: int = 0, different: bool = True, seed: int = 0) -> Iterator[Body]:
    """Inputs as JSON, with more fields `behind`; of so many users in turn, if there are any.

    If they are to differ, the generator writes a number of its own into each.
    """
    first = "0.00" + "0" * DIGITS
    rows = np.random.default_rng(seed).random((count, WIDTH)).round(6).tolist()
    for number, row in enumerate(rows):
        numbers = ", ".join([first, *map(repr, row[1:])] if different else map(repr, row))
        context = f', "context": "user-{number % users}"' if users else ""
        text = f'{{"input": [{numbers}]{context}{behind}}}'
        at = len('{"input": [') + len(first) - DIGITS
        yield Body(text.encode(), at if different else NOWHERE)


def update_batches(made: Iterable[Body], size: int) -> Iterator[Body]:
    """So many feedbacks in each request, sent as they are."""
    texts = [each.data for each in made]
    for start in range(0, len(texts), size):
        yield Body(b'{"update_batch": [%b]}' % b", ".join(texts[start : start + size]))


def shot(folder: Path, name: str, path: str, made: Iterable[Body]) -> Shot:
    """A file of bodies, to be posted to a path."""
    return Shot(path, JSON, write_bodies(folder / name, made))
