"""A whole server whose selection states are on a Redis server: `clipper serve --store`."""

import os
import signal
from pathlib import Path

import pytest

from clipper.client import Clipper
from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode
from tests.e2e.server.models import add_up, negate
from tests.e2e.server.serving import Server, eventually, processes_of, serving
from tests.redis_server import RedisServer

TIMEOUT_S = 0.5
SLACK_S = 10.0


def furnish(client: Clipper) -> None:
    client.register_application("sum", "doubles", "-1", 5_000_000, policy="hedge")
    client.deploy_model("negate", 1, negate, "doubles", example=[1.0])
    client.deploy_model("add", 1, add_up, "doubles", example=[1.0])
    client.set_linked_models("sum", ["negate", "add"])
    client.wait_until_ready()


def weights(client: Clipper) -> dict[str, float]:
    return {each["model"]: each["weight"] for each in client.get_weights("sum")["models"]}


def learned(redis: RedisServer) -> list[bytes]:
    """The keys of everything that was learned."""
    with redis.client() as client:
        return list(client.hkeys("clipper:values"))


def kill_everything(server: Server) -> None:
    for pid in processes_of(server.home):
        os.kill(pid, signal.SIGKILL)
    server.wait()


def test_what_was_learned_outlives_the_server_and_goes_with_its_application(redis: RedisServer, tmp_path: Path) -> None:
    flags = ("--store", redis.url())
    server = Server(tmp_path / "home", *flags).ready()
    try:
        with server.client() as client:
            furnish(client)
            for number in range(1, 11):
                client.application("sum").feedback(number, input=[number, 0], idempotency_key=f"lesson {number}")
            before = weights(client)
            assert before["add"] > before["negate"]
    finally:
        kill_everything(server)
    with serving(tmp_path / "home", *flags) as again, again.client() as client:
        assert weights(client) == before
        client.wait_until_ready()
        sums = client.application("sum")
        eventually(lambda: sums.predict([3.0, 4.0]).output == 7.0, "what was learned does not decide")
        client.delete_application("sum")
        eventually(lambda: learned(redis) == [], "states of a deleted application are left")


def test_operators_are_told_at_once_that_redis_is_away_and_do_all_else(redis: RedisServer, tmp_path: Path) -> None:
    environment = {"CLIPPER_STORE_TIMEOUT_S": str(TIMEOUT_S)}
    with serving(tmp_path / "home", "--store", redis.url(), **environment) as server, server.client() as client:
        furnish(client)
        client.application("sum").feedback(1, input=[1])
        redis.stop()
        for ask in (client.get_weights, client.reset_states, client.delete_application):
            began = monotonic()
            with pytest.raises(ClipperError) as caught:
                ask("sum")
            assert caught.value.code is ErrorCode.UNAVAILABLE
            assert monotonic() - began < 2 * TIMEOUT_S + SLACK_S
        client.register_application("other", "doubles", "-1", 5_000_000)
        client.set_linked_models("other", ["add"])
        assert client.application("other").predict([3.0, 4.0]).output == 7.0
        assert not client.application("sum").predict([3.0, 4.0]).default
        redis.resume()
        eventually(lambda: can(client, "sum"), "weights are still not told")
        client.delete_application("sum")
        assert learned(redis) == []


def can(client: Clipper, app: str) -> bool:
    try:
        client.get_weights(app)
    except ClipperError:
        return False
    return True
