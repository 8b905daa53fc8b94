"""kill -9 at random moments while feedback comes: what was acknowledged is there, once; the rest at most once."""

from pathlib import Path
from random import Random

import msgspec

from clipper.engine.cells import state_key
from clipper.registry.registry import Registry
from clipper.store import LmdbStore
from tests.e2e.server.models import add_up
from tests.e2e.server.serving import Server, serving
from tests.e2e.server.telling import CONTEXTS, Telling
from tests.e2e.server.test_kills import everything_at_once

APP = "sum"
ROUNDS = 4
MOST_BETWEEN_KILLS = 400


def counted(home: Path) -> dict[str | None, int]:
    """How much feedback each state has counted, and (None) that of the population, while no server runs."""
    contexts = [None, *(f"user-{number}" for number in range(CONTEXTS))]
    with LmdbStore.open(home / "store") as store:
        learning = Registry(store).snapshot().applications[APP].learning
        states = {context: store.get(state_key(learning, context)) for context in contexts}
    return {
        context: 0 if encoded is None else int(msgspec.msgpack.decode(encoded)["seen"][APP])
        for context, encoded in states.items()
    }


def check(home: Path, telling: Telling) -> None:
    """Each state holds all that was acknowledged, and nothing twice."""
    found = counted(home)
    everyone = found.pop(None)
    for context, count in found.items():
        assert context is not None
        assert telling.acknowledged[context] <= count <= telling.sent[context], context
    assert everyone == sum(found.values())


def furnish(server: Server) -> None:
    with server.client() as client:
        client.register_application(APP, "doubles", "-1", 10_000_000, policy="hedge")  # whose contexts count from 0
        client.deploy_model(APP, 1, add_up, "doubles", example=[1.0], app_name=APP)


def test_acknowledged_feedback_survives_and_nothing_counts_twice(tmp_path: Path) -> None:
    home, rng, telling = tmp_path / "home", Random(4), Telling(APP)
    for number in range(ROUNDS):
        with serving(home, "--frontends", "2") as server:
            if not number:
                furnish(server)
            with server.client() as client:
                client.wait_until_ready()
            with telling.to(server):
                telling.more(rng.randrange(MOST_BETWEEN_KILLS))
                server.kill("frontend")
                telling.more(rng.randrange(MOST_BETWEEN_KILLS))
                everything_at_once(server)
            server.wait()
        check(home, telling)
    assert telling.unknown  # else nothing was killed in the midst of anything
    with serving(home) as server:
        with server.client() as client:
            client.wait_until_ready()
        telling.to(server).again()
    check(home, telling)
    found = counted(home)
    for context in (f"user-{number}" for number in range(0, CONTEXTS, 2)):
        assert found[context] == telling.acknowledged[context] == telling.sent[context]
