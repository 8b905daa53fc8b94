"""Every admin path: what it takes, what it answers, whom it lets in. The original's paths answer as they always did."""

from dataclasses import replace
from pathlib import Path

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from tests.integration.management.admin import LIMITS, with_admin
from tests.integration.management.asgi import AsgiClient
from tests.integration.management.containers import CRASHES
from tests.integration.management.world import World, eventually

APP = {"name": "app", "input_type": "doubles", "default_output": "-1", "latency_slo_micros": 20_000}
MODEL = {"model_name": "m", "model_version": "1", "input_type": "doubles"}
LINK = {"app_name": "app", "model_names": ["m"]}

UNTUNED = {
    "priority": 0,
    "cache": True,
    "cache_ttl_s": 0.0,
    "max_disagreement": 0.0,
    "confidence_threshold": 0.0,
    "batching": "",
    "epoch": 0,
}
TUNED = {
    "priority": 7,
    "cache": False,
    "cache_ttl_s": 2.5,
    "max_disagreement": 0.02,
    "batching": "aimd",
    "confidence_threshold": 0.7,
}

CHANGES = [
    ("/admin/add_app", APP, "Successfully added application with name 'app'"),
    ("/admin/add_model", MODEL, "Successfully added model with name 'm' and input type 'doubles'"),
    ("/admin/add_model_links", LINK, "Successfully linked model with name 'm' to application 'app'"),
    ("/admin/delete_model_links", LINK, "Success!"),
    (
        "/admin/set_model_version",
        {"model_name": "m", "model_version": "1"},
        "Successfully set model with name 'm' to version '1'",
    ),
    (
        "/admin/delete_versioned_model",
        {"model_name": "m", "model_version": "1"},
        "Successfully deleted model with name 'm' and version '1'",
    ),
    ("/admin/delete_app", {"name": "app"}, "Successfully deleted application with name 'app'"),
]


def test_original_paths_answer_changes_with_the_originals_messages(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        for path, body, message in CHANGES:
            reply = await client.post(path, body)
            assert (reply.status, reply.text) == (200, message)
            assert reply.headers["content-type"].startswith("text/plain")

    with_admin(tmp_path, test)


def test_original_paths_refuse_with_400_and_the_originals_messages(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        for path, body, _message in CHANGES[:3]:
            await client.post(path, body)
        for path, body, message in (
            ("/admin/add_app", APP, "application 'app' already exists"),
            ("/admin/add_model_links", {**LINK, "model_names": ["x"]}, "No model with name 'x' exists."),
            ("/admin/add_model_links", LINK, "A model with name m is already linked to 'app'."),
            ("/admin/get_linked_models", {"app_name": "x"}, "No application with name 'x' exists."),
        ):
            reply = await client.post(path, body)
            assert (reply.status, reply.text) == (400, message)

    with_admin(tmp_path, test)


def test_what_exists_is_told_under_the_originals_names(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await client.post("/admin/add_app", APP)
        await w.deploy_m()
        await client.post("/admin/add_model_links", LINK)
        app = {**APP, "policy": "majority", "policy_config": {}, "linked_models": ["m"], **UNTUNED}
        assert (await client.post("/admin/get_application", {"name": "app"})).json == app
        assert (await client.post("/admin/get_all_applications", {"verbose": True})).json == [app]
        assert (await client.post("/admin/get_all_applications", {"verbose": False})).json == ["app"]
        assert (await client.post("/admin/get_linked_models", {"app_name": "app"})).json == ["m"]
        model = (await client.post("/admin/get_model", {"model_name": "m", "model_version": "1"})).json
        assert model["is_current_version"] is True
        assert (model["model_name"], model["model_version"], model["input_type"]) == ("m", "1", "doubles")
        assert (await client.post("/admin/get_all_models", {"verbose": True})).json == [model]
        assert (await client.post("/admin/get_all_models", {})).json == ["m:1"]
        place = {"model_name": "m", "model_version": "1", "replica_id": 0}
        container = (await client.post("/admin/get_container", place)).json
        assert (container["model_id"], container["model_replica_id"], container["state"]) == ("m:1", 0, "ready")
        assert (await client.post("/admin/get_all_containers", {"verbose": True})).json == [container]
        assert (await client.post("/admin/get_all_containers", {"verbose": False})).json == ["m:1:0"]
        assert (await client.post("/admin/get_state", {"app_name": "app", "uid": 0})).text == "-1"

    with_admin(tmp_path, test)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/admin/get_application", {"name": "x"}),
        ("/admin/get_model", {"model_name": "x", "model_version": "1"}),
        ("/admin/get_container", {"model_name": "x", "model_version": "1", "replica_id": 0}),
    ],
)
def test_what_does_not_exist_is_an_empty_object_as_in_the_original(tmp_path: Path, path: str, body: object) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        reply = await client.post(path, body)
        assert (reply.status, reply.json) == (200, {})

    with_admin(tmp_path, test)


def test_our_paths(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await client.post("/admin/add_app", APP)
        await w.deploy_m()
        await client.post("/admin/add_model", {**MODEL, "model_name": "n"})
        relinked = await client.post("/admin/set_model_links", {"app_name": "app", "model_names": ["n", "m"]})
        assert relinked.json == {"message": "Application 'app' is linked to 'n', 'm' now"}
        assert w.registry.snapshot().applications["app"].models == ("n", "m")
        scaled = await client.post("/admin/set_num_replicas", {"model_name": "m", "num_replicas": 2})
        assert scaled.json == {"model": "m", "version": "1", "num_replicas": 2}
        logs = (await client.post("/admin/get_logs", {"model_name": "m", "lines": 5})).json["logs"]
        assert [(each["model"], each["version"], each["replica_id"]) for each in logs] == [("m", "1", 0), ("m", "1", 1)]
        refused = await client.post("/admin/delete_model", {"model_name": "m"})
        assert (refused.status, refused.json["error"]) == (409, "conflict")
        await client.post("/admin/set_model_links", {"app_name": "app", "model_names": []})
        assert (await client.post("/admin/delete_model", {"model_name": "m"})).status == 200
        assert not w.launcher.alive

    with_admin(tmp_path, test)


def test_application_is_tuned_at_birth_and_while_it_serves(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await client.post("/admin/add_app", {**APP, **TUNED})
        told = (await client.post("/admin/get_application", {"name": "app"})).json
        assert told.items() >= TUNED.items()
        revision = w.registry.snapshot().revision
        reply = await client.post("/admin/set_app", {"name": "app", "priority": 1, "cache": True, "batching": ""})
        assert (reply.status, reply.json) == (200, {**told, "priority": 1, "cache": True, "batching": ""})
        assert w.registry.snapshot().revision == revision + 1
        (state,) = (await client.get("/admin/state")).json["applications"]
        assert (state["priority"], state["cache_ttl_s"]) == (1, 2.5)

    with_admin(tmp_path, test)


def test_model_is_tuned_at_birth_and_while_it_serves(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await client.post("/admin/add_model", {**MODEL, "batching": "quantile", "batch_delay_ms": -1})
        place = {"model_name": "m", "model_version": "1"}
        told = (await client.post("/admin/get_model", place)).json
        assert (told["batching"], told["batch_delay_ms"], told["batch_size"]) == ("quantile", -1, -1)
        revision = w.registry.snapshot().revision
        reply = await client.post("/admin/set_model", {**place, "batching": "fixed", "batch_size": 64})
        assert (reply.status, reply.json) == (200, {**told, "batching": "fixed", "batch_size": 64})
        assert w.registry.snapshot().revision == revision + 1
        of_current = await client.post("/admin/set_model", {"model_name": "m", "batch_delay_ms": 1.5})
        assert of_current.json["batch_delay_ms"] == 1.5

    with_admin(tmp_path, test)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/admin/set_app", {"name": "x", "priority": 1}, 404, "No application with name 'x'"),
        ("/admin/set_app", {"name": "app", "priority": 10}, 400, "Invalid priority 10: expected 0 to 9"),
        ("/admin/set_app", {"name": "app", "priority": "high"}, 400, "$.priority"),
        ("/admin/set_app", {"name": "app", "prio": 1}, 400, '"max_disagreement": number (optional)'),
        ("/admin/set_app", {"name": "app"}, 400, "Nothing to change: expected at least one of policy, policy_config"),
        ("/admin/set_model", {"model_name": "x", "batch_size": 1}, 404, "No model with name 'x'"),
        ("/admin/set_model", {"model_name": "m", "model_version": "2", "batch_size": 1}, 404, "Its versions: 1"),
        ("/admin/set_model", {"model_name": "m", "batching": "fixed"}, 400, "Invalid batch_size -1"),
        ("/admin/set_model", {"model_name": "m"}, 400, "Nothing to change: expected at least one of batch_size"),
    ],
)
def test_impossible_tuning_is_refused(
    tmp_path: Path, path: str, body: dict[str, object], status: int, message: str
) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await client.post("/admin/add_app", APP)
        await client.post("/admin/add_model", MODEL)
        revision = w.registry.snapshot().revision
        reply = await client.post(path, body)
        assert reply.status == status
        assert message in reply.json["cause"]
        assert w.registry.snapshot().revision == revision

    with_admin(tmp_path, test)


def test_containerless_model_cannot_be_scaled(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        await client.post("/admin/add_model", MODEL)
        reply = await client.post("/admin/set_num_replicas", {"model_name": "m", "num_replicas": 1})
        assert (reply.status, reply.json["error"]) == (400, "invalid_argument")
        assert "containerless model" in reply.json["cause"]

    with_admin(tmp_path, test)


def test_state_tells_everything_but_secrets(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await client.post("/admin/add_app", APP)
        await w.deploy_m()
        await client.post("/admin/add_model", {**MODEL, "model_version": "2"})
        reply = await client.get("/admin/state")
        state = reply.json
        assert state["revision"] == w.registry.snapshot().revision
        assert [each["name"] for each in state["applications"]] == ["app"]
        models = [(each["name"], each["version"], each["previous"], each["current"]) for each in state["models"]]
        assert models == [("m", "1", "", False), ("m", "2", "1", True)]
        assert [(each["replica_id"], each["state"]) for each in state["replicas"]] == [(0, "ready")]
        assert w.records()[0].token not in reply.text

    with_admin(tmp_path, test)


def test_ready_names_what_is_missing(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        assert (await client.get("/admin/ping")).text == "PONG"
        assert (await client.get("/admin/ready")).json == {"ready": True}
        w.launcher.script = lambda _: CRASHES
        await w.add_model()
        await eventually(lambda: w.supervisor.shortages()[0].error != "")
        reply = await client.get("/admin/ready")
        assert reply.status == 503
        assert reply.json["ready"] is False
        assert "0 of 1 replicas of m:1 are ready: Replica 0 of m:1: ended with exit code 4" in reply.json["cause"]
        assert reply.json["missing"][0]["model"] == "m"

    with_admin(tmp_path, test)


def test_metrics_tell_of_models_replicas_restarts_deployments_and_requests(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await w.deploy_m()
        w.launcher.alive[0].end("signal SIGKILL")
        await eventually(lambda: w.records()[0].restarts == 1)
        await w.ready()
        await client.get("/admin/nowhere")
        text = (await client.get("/metrics")).text
        for line in (
            "clipper_models 1.0",
            'clipper_replicas{model="m",state="ready",version="1"} 1.0',
            'clipper_replica_restarts_total{model="m",replica="0",version="1"} 1.0',
            'clipper_deployments_total{outcome="succeeded"} 1.0',
            "clipper_environments_built_total 0.0",
            'clipper_admin_requests_total{code="404",path="other"} 1.0',
            "process_resident_memory_bytes",
        ):
            assert line in text

    with_admin(tmp_path, test)


PATHS = [path for path, *_ in CHANGES]
OURS = ["/admin/set_model_links", "/admin/delete_model", "/admin/set_num_replicas"]


@pytest.mark.parametrize("path", [*PATHS, *OURS, "/admin/deploy?model_name=m&model_version=1"])
def test_changes_need_the_token(tmp_path: Path, path: str) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        before = w.registry.snapshot()
        for token, status in ((None, 401), ("6" * 64, 403)):
            reply = await replace(client, token=token).post(path, {})
            assert reply.status == status
            assert str(tmp_path / "token") in reply.text
        assert w.registry.snapshot() is before

    with_admin(tmp_path, test)


@pytest.mark.parametrize("path", ["/admin/get_all_applications", "/admin/get_all_models", "/admin/get_all_containers"])
def test_reads_are_free(tmp_path: Path, path: str) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        assert (await replace(client, token=None).post(path, {})).status == 200

    with_admin(tmp_path, test)


def test_without_authentication_changes_are_free_but_not_for_web_pages(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        assert (await client.post("/admin/add_app", APP, {"origin": "http://evil.example"})).status == 403
        assert (await client.post("/admin/add_app", APP)).status == 200

    with_admin(tmp_path, test, token=None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"null", "Expected `object`, got `null`"),
        (b'{"name": "\xff"}', "utf-8"),
        ({}, "missing required field `name`"),
        ({**APP, "name": 1}, "Expected `str`, got `int` - at `$.name`"),
        ({**APP, "latency_slo_micros": 1.5}, "Expected `int`, got `float` - at `$.latency_slo_micros`"),
        ({**APP, "latency_slo_micros": 0}, "`int` >= 1"),
        ({**APP, "latency_slo_micros": 10**30}, "`int` <= 86400000000"),
        ({**APP, "slo": 1}, "unknown field `slo`"),
    ],
)
def test_unreadable_body_is_told_with_field_and_schema(tmp_path: Path, body: object, message: str) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        reply = await client.post("/admin/add_app", body)
        assert reply.status == 400
        assert reply.text.startswith("Error parsing JSON: ")
        assert message in reply.text
        assert '"name": string' in reply.text
        assert '"policy": string (optional)' in reply.text

    with_admin(tmp_path, test)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**APP, "name": "App"}, "DNS-1123"),
        ({**APP, "name": "metrics"}, "'metrics'"),
        ({**APP, "input_type": "complex"}, "expected one of bytes, integers, floats, doubles, strings"),
        ({**APP, "policy": "magic"}, "Invalid policy 'magic'"),
        ({**APP, "policy": "exp3", "policy_config": {"eta": -1}}, "Invalid policy_config: field 'eta': expected"),
    ],
)
def test_wrong_value_is_told_with_what_was_expected(tmp_path: Path, body: object, message: str) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        reply = await client.post("/admin/add_app", body)
        assert reply.status == 400
        assert message in reply.text

    with_admin(tmp_path, test)


def test_large_and_slow_bodies_are_given_up(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        large = await client.post("/admin/add_app", b'"' + b"x" * LIMITS.max_body_bytes)
        assert (large.status, large.headers["clipper-error"]) == (413, "too_large")
        slow = await client.call("POST", "/admin/add_app", None)
        assert slow.status == 408

    with_admin(tmp_path, test)


def test_full_store_is_507_and_nothing_is_lost(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        w.store.refusal = ClipperError(ErrorCode.STORE_FULL, "the store is full")
        assert (await client.post("/admin/add_app", APP)).status == 507
        w.store.refusal = ClipperError(ErrorCode.STORE_BUSY, "later")
        assert (await client.post("/admin/add_app", APP)).status == 503
        w.store.refusal = None
        assert (await client.post("/admin/add_app", APP)).status == 200

    with_admin(tmp_path, test)


def test_failure_of_ours_is_500_without_its_inside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        w.operations.delete_model = None  # type: ignore[method-assign, assignment]
        reply = await client.post("/admin/delete_model", {"model_name": "m"})
        assert (reply.status, reply.json["error"]) == (500, "internal")
        assert "NoneType" not in reply.text
        assert "NoneType" in caplog.text

    with_admin(tmp_path, test)


def test_no_such_path_or_method(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        assert (await client.call("POST", "/admin/x", [b""])).status == 404
        reply = await client.call("GET", "/admin/add_app", [b""])
        assert (reply.status, reply.headers["allow"]) == (405, "POST")

    with_admin(tmp_path, test)
