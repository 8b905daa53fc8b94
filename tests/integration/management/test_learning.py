"""What a policy has learned is shown, started anew, taken out and brought back; another policy starts anew."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.selection.policies import policy_named
from clipper.selection.policy import State
from clipper.store import Transaction
from tests.integration.management.admin import with_admin
from tests.integration.management.asgi import AsgiClient
from tests.integration.management.world import World

APP = {"name": "app", "input_type": "doubles", "default_output": "-1", "latency_slo_micros": 20_000}
LEARNED = {"right": {"a": 9, "b": 1}, "seen": {"a": 10, "b": 10}}


async def begin(client: AsgiClient, policy: str = "majority", config: dict[str, Any] | None = None) -> None:
    """An application with two models."""
    await client.post("/admin/add_app", {**APP, "policy": policy, "policy_config": config or {}})
    for model in ("a", "b"):
        await client.post("/admin/add_model", {"model_name": model, "model_version": "1", "input_type": "doubles"})
    await client.post("/admin/set_model_links", {"app_name": "app", "model_names": ["a", "b"]})


def state_key(learning: str, context: str | None) -> bytes:
    return f"state/{learning}/{'' if context is None else '=' + context}".encode()


def state(w: World, context: str | None = None) -> State | None:
    """What frontends find in the store now."""
    found = w.store.get(state_key(w.registry.snapshot().applications["app"].learning, context))
    return None if found is None else msgspec.msgpack.decode(found)


def learn(w: World, learned: State, context: str | None = None, learning: str = "") -> None:
    """As a frontend writes."""
    learning = learning or w.registry.snapshot().applications["app"].learning
    encoded = msgspec.msgpack.encode(learned)
    assert w.store.commit(Transaction(put={state_key(learning, context): encoded})).result()


def kept(w: World) -> list[bytes]:
    return [key for prefix in (b"state/", b"feedback/") for key, _ in w.store.scan(prefix)]


def test_another_policy_starts_anew_and_the_old_states_go(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client)
        for context in (None, "ann"):
            learn(w, LEARNED, context)
        reply = await client.post("/admin/set_app", {"name": "app", "policy": "hedge", "policy_config": {"eta": 0.1}})
        assert (reply.json["policy"], reply.json["policy_config"], reply.json["epoch"]) == ("hedge", {"eta": 0.1}, 1)
        assert kept(w) == []
        learn(w, {**LEARNED, "logs": {"a": 0.0, "b": -1.0}}, "ann")
        assert kept(w) == [b"state/app/1/=ann"]

    with_admin(tmp_path, test)


def test_another_setting_keeps_what_was_learned(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client)
        learn(w, LEARNED)
        reply = await client.post("/admin/set_app", {"name": "app", "policy_config": {"scale": 2.0}})
        assert (reply.json["policy_config"], reply.json["epoch"]) == ({"scale": 2.0}, 0)
        assert state(w) == LEARNED
        reply = await client.post("/admin/set_app", {"name": "app", "policy_config": {"calibrated": True}})
        assert reply.json["epoch"] == 1
        assert state(w) is None

    with_admin(tmp_path, test)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"policy": "magic"}, "Invalid policy 'magic'"),
        ({"policy_config": {"eta": 1}}, "unknown field 'eta'"),
        ({"policy": "hedge", "policy_config": {"eta": -1}}, "field 'eta'"),
        ({"policy": 1}, "$.policy"),
    ],
)
def test_wrong_policy_changes_nothing(tmp_path: Path, body: dict[str, Any], message: str) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client)
        reply = await client.post("/admin/set_app", {"name": "app", **body})
        assert reply.status == 400
        assert message in reply.json["cause"]
        assert w.registry.snapshot().applications["app"].policy == "majority"

    with_admin(tmp_path, test)


def test_reset_forgets_everything_of_one_application_only(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client)
        await client.post("/admin/add_app", {**APP, "name": "app-2"})
        learn(w, LEARNED, None, "app-2")
        for number in range(3):
            learning = w.registry.snapshot().applications["app"].learning
            learn(w, LEARNED, f"user-{number}")
            w.store.commit(Transaction(put={b"feedback/%s/00ff" % learning.encode(): b"keys"}))
            assert (await client.post("/admin/reset_states", {"app_name": "app"})).status == 200
            assert kept(w) == [b"state/app-2/"]
            learn(w, LEARNED, "user-9", learning)  # feedback that was under way changes nothing any more
            assert state(w, "user-9") is None
        await client.post("/admin/delete_app", {"name": "app"})
        assert kept(w) == [b"state/app-2/"]

    with_admin(tmp_path, test)


@pytest.mark.parametrize(
    ("policy", "config", "learned", "accuracies"),
    [
        ("majority", {}, LEARNED, [0.9, 0.1]),
        ("hedge", {"calibrated": True}, {"policy": {**LEARNED, "logs": {"a": 0.0, "b": -1.0}}, "bins": []}, [0.9, 0.1]),
        ("tracking", {}, {"tracks": {"a": [8.0, 10.0, 0, 0, 0, 0, 0, 0]}}, [0.8, None]),
        ("cascade", {}, {"tallies": {"b": {"1": [1.0, 2.0], "2": [2.0, 2.0]}}}, [None, 0.75]),
        ("linucb", {}, {"beliefs": {}}, [None, None]),
    ],
)
def test_weights_say_how_good_each_model_was(
    tmp_path: Path, policy: str, config: dict[str, Any], learned: State, accuracies: list[float | None]
) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client, policy, config)
        assert (await client.post("/admin/get_weights", {"app_name": "app"})).json["learned"] is False
        learn(w, learned)
        said = (await replace(client, token=None).post("/admin/get_weights", {"app_name": "app"})).json
        assert (said["policy"], said["context"], said["learned"]) == (policy, None, True)
        assert [each["model"] for each in said["models"]] == ["a", "b"]
        assert sum(each["weight"] for each in said["models"]) == pytest.approx(1.0)
        assert [each["accuracy"] for each in said["models"]] == accuracies
        if accuracies == [0.9, 0.1]:
            assert [each["regret"] for each in said["models"]] == [0.0, pytest.approx(8.0)]

    with_admin(tmp_path, test)


def test_context_without_feedback_has_what_it_would_start_from(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client, "thompson", {"evidence": 5.0})
        learn(w, {"right": {"a": 90.0, "b": 10.0}, "seen": {"a": 100.0, "b": 100.0}})
        new = (await client.post("/admin/get_weights", {"app_name": "app", "context": "ann"})).json
        assert (new["learned"], new["models"][0]["feedback"], new["models"][0]["accuracy"]) == (False, 5.0, 0.9)
        learn(w, {"right": {"b": 30.0}, "seen": {"b": 30.0}}, "ann")
        ann = (await client.post("/admin/get_weights", {"app_name": "app", "context": "ann"})).json
        assert (ann["learned"], ann["models"][1]["accuracy"]) == (True, 1.0)
        assert ann["models"][1]["weight"] > 0.5

    with_admin(tmp_path, test)


@pytest.mark.parametrize("policy", ["hedge", "linucb", "split_model", "tracking"])
def test_states_come_back_as_they_went(tmp_path: Path, policy: str) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client, policy)
        before = policy_named(policy, {}).init(("a", "b"))
        contexts = [None, "ann", "ü/=é"]
        for context in contexts:
            learn(w, before, context)
        exported = await client.post("/admin/export_states", {"app_name": "app"})
        assert exported.headers["content-type"].startswith("application/x-ndjson")
        assert exported.lines[0]["policy"] == policy
        await client.post("/admin/reset_states", {"app_name": "app"})
        assert kept(w) == []
        reply = await client.post("/admin/import_states?app_name=app", exported.body)
        assert (reply.status, reply.json) == (200, {"app_name": "app", "states": 3})
        assert [state(w, context) for context in contexts] == [before] * 3
        assert len(kept(w)) == 3

    with_admin(tmp_path, test)


def test_what_the_policy_cannot_go_on_from_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client)
        learn(w, LEARNED)
        head, line = (await client.post("/admin/export_states", {"app_name": "app"})).body.splitlines()
        other = json.dumps({**json.loads(head), "policy": "exp4"}).encode()
        for body, message in (
            (b"", "no exported states"),
            (line, "no exported states"),
            (other + b"\n" + line, "learned by the policy exp4"),
            (head + b'\n{"context": "ann", "state": []}', "line 2"),
            (head + b"\n" + line + b'\n{"context": "ann", "state": {"$bytes": "!"}}', "line 3"),
        ):
            reply = await client.post("/admin/import_states?app_name=app", body)
            assert (reply.status, reply.json["error"]) == (400, "invalid_argument")
            assert message in reply.json["cause"]
        await client.post("/admin/set_app", {"name": "app", "policy": "exp4"})
        reply = await client.post("/admin/import_states?app_name=app", other + b"\n" + line)
        assert "line 2: the policy cannot go on from it (KeyError" in reply.json["cause"]
        assert kept(w) == []

    with_admin(tmp_path, test)


def test_application_registered_again_has_learned_nothing(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        for name in ("app", "app-2"):
            await client.post("/admin/add_app", {**APP, "name": name})
            for context in (None, "user-7"):
                learn(w, LEARNED, context, name)
        assert (await client.post("/admin/delete_app", {"name": "app"})).status == 200
        assert kept(w) == [b"state/app-2/", b"state/app-2/=user-7"]

    with_admin(tmp_path, test)


def test_states_of_an_application_that_is_not_deleted_stay(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await client.post("/admin/add_app", APP)
        learn(w, LEARNED)
        w.store.refusal = ClipperError(ErrorCode.STORE_BUSY, "later")
        assert (await client.post("/admin/delete_app", {"name": "app"})).status == 503
        assert state(w) == LEARNED

    with_admin(tmp_path, test)


@pytest.mark.parametrize("path", ["export_states", "import_states?app_name=x", "reset_states", "get_weights"])
def test_unknown_application_is_not_found(tmp_path: Path, path: str) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        reply = await client.post(f"/admin/{path}", {"app_name": "x"} if "?" not in path else b"{}")
        assert (reply.status, reply.json["cause"]) == (404, "No application with name 'x' exists.")

    with_admin(tmp_path, test)


@pytest.mark.parametrize("path", ["export_states", "import_states?app_name=app", "reset_states"])
def test_only_who_has_the_token_steers(tmp_path: Path, path: str) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        assert (await replace(client, token=None).post(f"/admin/{path}", {"app_name": "app"})).status == 401

    with_admin(tmp_path, test)
