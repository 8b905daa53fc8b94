"""Frontends whose selection states are on a real Redis server that hangs, is killed, or is shared with other homes.

The application has two members, of which one is always wrong: who has learned that is told by its answers.
"""

import threading
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Self

import msgspec
import pytest

from clipper.core.clock import monotonic
from clipper.core.inputs import InputType
from clipper.engine.cells import state_key
from clipper.registry.entities import Application, Model
from clipper.store import StoreConfig
from clipper.store.redis.store import RedisStore
from tests.integration.frontend.behaviours import each
from tests.integration.frontend.client import Client
from tests.integration.frontend.stage import Stage, eventually
from tests.redis_server import RedisServer

APP = "members"
RIGHT, WRONG = 1, 0
TIMEOUT_S = 0.5
SLO_S = 2.0
SLACK_S = 5.0
"""Of a busy machine."""

LESSONS = 10
QUERIES = 200


def stage_on(redis: RedisServer, folder: Path, frontends: int = 1) -> Stage:
    stage = Stage(folder, frontends=frontends, states=StoreConfig(url=redis.url(), timeout_s=TIMEOUT_S))
    stage.may_complain = True  # of a store that is away
    return stage


def serve(stage: Stage) -> None:
    """The application; its first member, whom all follow at first, is wrong."""
    for name, answer in (("a-wrong", WRONG), ("b-right", RIGHT)):
        model = Model(name=name, version="1", input_type=InputType.DOUBLES)
        stage.call(stage.registry.add_model(model, make_current=True))
        stage.add_replica(name, each(lambda _, answer=answer: answer))  # type: ignore[misc]
    application = Application(
        name=APP,
        input_type=InputType.DOUBLES,
        default_output="-1",
        latency_slo_micros=round(SLO_S * 1e6),
        policy="hedge",
        models=("a-wrong", "b-right"),
    )
    stage.call(stage.registry.add_application(application))


def teach(client: Client, key: str, context: str | None = None) -> int:
    """One feedback; the status of its answer."""
    who = {} if context is None else {"context": context}
    body = {"input": [1], "label": RIGHT, "idempotency_key": key, **who}
    return client.post(f"/{APP}/update", body).status


def learn(client: Client) -> None:
    for number in range(LESSONS):
        assert teach(client, f"lesson-{number}") == 200


def answers(client: Client, context: str | None = None) -> set[float]:
    """What queries are told, each in time."""
    who = {} if context is None else {"context": context}
    told = set()
    for number in range(QUERIES):
        began = monotonic()
        told.add(client.predict(APP, {"input": [number], **who}).json["output"])
        assert monotonic() - began < SLO_S
    return told


def taught(redis: RedisServer, context: str | None = None) -> int:
    """How much feedback the stored state of a context has seen."""
    with RedisStore.open(StoreConfig(url=redis.url(), timeout_s=30.0)) as store:
        stored = store.get(state_key(APP, context))
    return 0 if stored is None else round(msgspec.msgpack.decode(stored)["seen"]["b-right"])


def refused_in_time(client: Client, key: str) -> bool:
    began = monotonic()
    status = teach(client, key)
    assert monotonic() - began < 2 * TIMEOUT_S + SLACK_S
    return status == 503


def teach_until_it_is_kept(client: Client, key: str) -> None:
    eventually(lambda: teach(client, key) == 200, "feedback is still refused")


@pytest.mark.parametrize("how", ["hangs", "is killed"])
def test_queries_go_on_from_the_last_state_while_redis_is_away_and_all_is_well_afterwards(
    redis: RedisServer, tmp_path: Path, how: str
) -> None:
    with stage_on(redis, tmp_path) as stage, stage.client() as client:
        serve(stage)
        assert WRONG in answers(client)
        learn(client)
        assert answers(client) == {RIGHT}
        redis.stop() if how == "hangs" else redis.kill()
        assert refused_in_time(client, "away-0")
        assert answers(client) == {RIGHT}
        assert answers(client, "somebody new") == {RIGHT}
        assert refused_in_time(client, "away-1")
        redis.resume() if how == "hangs" else redis.start()
        teach_until_it_is_kept(client, "away-1")
        teach_until_it_is_kept(client, "away-0")
        assert answers(client) == {RIGHT}
    assert taught(redis) == LESSONS + 2


def test_frontend_that_starts_without_redis_serves_and_learns_when_it_comes(redis: RedisServer, tmp_path: Path) -> None:
    redis.kill()
    with stage_on(redis, tmp_path) as stage, stage.client() as client:
        serve(stage)
        assert answers(client) <= {RIGHT, WRONG}
        assert refused_in_time(client, "early")
        redis.start()
        teach_until_it_is_kept(client, "early")
        learn(client)
        assert answers(client) == {RIGHT}
    assert taught(redis) == LESSONS + 1


def test_what_one_home_learns_others_know(redis: RedisServer, tmp_path: Path) -> None:
    with stage_on(redis, tmp_path / "1") as first, stage_on(redis, tmp_path / "2", frontends=2) as second:
        for stage in (first, second):
            serve(stage)
        with first.client() as here, second.client() as there:
            assert WRONG in answers(there, "ann")
            learn(here)
            for number in range(LESSONS):
                assert teach(here, f"ann-{number}", "ann") == 200
            eventually(lambda: answers(there) == answers(there, "ann") == {RIGHT}, "the other home has not learned")
            assert teach(there, "lesson-0") == 200, "a repetition is acknowledged"
    assert (taught(redis), taught(redis, "ann")) == (2 * LESSONS, LESSONS)


def test_states_come_back_with_the_frontend(redis: RedisServer, tmp_path: Path) -> None:
    with stage_on(redis, tmp_path) as stage, stage.client() as client:
        serve(stage)
        learn(client)
    with stage_on(redis, tmp_path / "another") as stage, stage.client() as client:
        serve(stage)
        eventually(lambda: answers(client) == {RIGHT}, "what was learned is not there")


class Teaching:
    """Sends feedback on a connection of its own until it is left, each piece again until it is acknowledged."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.acknowledged = 0
        self.refused = 0
        self._stage = stage
        self.name = name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def more(self, count: int) -> None:
        """Wait for so many further acknowledgements."""
        wanted = self.acknowledged + count
        eventually(lambda: self.acknowledged >= wanted, "feedback is not acknowledged any more")

    def once_refused(self) -> None:
        """Wait until some is refused."""
        before = self.refused
        eventually(lambda: self.refused > before, "nothing is refused")

    def _run(self) -> None:
        with self._stage.client() as client:
            while not self._stop.is_set():
                key = f"{self.name}-{self.acknowledged}"
                while (status := teach(client, key, self.name)) != 200:
                    assert status == 503
                    self.refused += 1
                self.acknowledged += 1


@pytest.mark.parametrize("seed", range(2))
def test_feedback_counts_exactly_once_however_often_redis_is_killed(
    redis: RedisServer, tmp_path: Path, seed: int
) -> None:
    """Two frontends, four senders who repeat what was refused under the same key."""
    choose = Random(seed)
    senders = [f"sender{number}" for number in range(4)]
    with stage_on(redis, tmp_path, frontends=2) as stage, ExitStack() as teachers:
        serve(stage)
        teaching = [teachers.enter_context(Teaching(stage, name)) for name in senders]
        for _ in range(4):
            choose.choice(teaching).more(choose.randint(1, 40))
            redis.kill()
            choose.choice(teaching).once_refused()
            redis.start()
        for teacher in teaching:
            teacher.more(10)
    acknowledged = {teacher.name: teacher.acknowledged for teacher in teaching}
    assert {name: taught(redis, name) for name in senders} == acknowledged
    assert taught(redis) == sum(acknowledged.values())
