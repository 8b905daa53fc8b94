"""`/admin/deploy`: a bundle in, a version or the reason why not out, at once or line by line."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.management.admin import with_admin
from tests.integration.management.asgi import AsgiClient
from tests.integration.management.containers import CRASHES, NEVER_LISTENS
from tests.integration.management.world import MAX_BUNDLE_BYTES, World, archive, eventually

NDJSON = {"accept": "application/x-ndjson"}


def deploy_path(**query: Any) -> str:
    asked = {"model_name": "m", "model_version": "1", **query}
    return "/admin/deploy?" + "&".join(f"{name}={value}" for name, value in asked.items())


def test_deploy_answers_the_version(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        upload = archive(tmp_path / "b")
        tuned = {"batch_size": 7, "batching": "fixed", "batch_delay_ms": 1.5}
        reply = await client.post(deploy_path(replicas=2, labels="a,b", **tuned), upload)
        assert (reply.status, reply.json) == (200, {"model": "m", "version": "1"})
        model = w.registry.snapshot().models["m", "1"]
        assert w.registry.snapshot().current == {"m": "1"}
        assert (model.replicas, model.labels) == (2, ("a", "b"))
        assert (model.batch_size, model.batching, model.batch_delay_ms) == (7, "fixed", 1.5)

    with_admin(tmp_path, test)


def test_deploy_tells_how_it_goes_line_by_line(tmp_path: Path) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        upload = archive(tmp_path / "b")
        chunks = [upload[:100], upload[100:200], upload[200:], b""]
        reply = await client.call("POST", deploy_path(), chunks, NDJSON)
        assert reply.headers["content-type"] == "application/x-ndjson"
        assert "content-length" not in reply.headers
        assert [each.get("stage") for each in reply.lines] == ["unpack", "start", "ready", "switch", None]
        assert reply.lines[-1] == {"event": "ready", "model": "m", "version": "1"}

    with_admin(tmp_path, test)


def test_failed_deploy_ends_with_the_traceback_in_both_forms(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        w.launcher.script = lambda _: CRASHES
        told = await client.post(deploy_path(), archive(tmp_path / "b"), NDJSON)
        assert told.status == 200
        assert told.lines[-1]["event"] == "failed"
        assert told.lines[-1]["error"] == "model_failed"
        assert "Traceback" in told.lines[-1]["detail"]
        quiet = await client.post(deploy_path(), archive(tmp_path / "b"))
        assert quiet.status == 422
        assert {"event": "failed", **quiet.json} == told.lines[-1]

    with_admin(tmp_path, test)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/admin/deploy", 400, "missing required field `model_name`"),
        (deploy_path(replicas="many"), 400, "Expected `int`, got `str` - at `$.replicas`"),
        (deploy_path(batch_delay_ms="nan"), 400, "Invalid batch_delay_ms nan"),
        (deploy_path(batching="fixed"), 400, "expected at least 1 with batching 'fixed'"),
        (deploy_path(replica=1), 400, "unknown field `replica`"),
        (deploy_path(app_name="nobody"), 404, "No application with name 'nobody'"),
    ],
)
def test_deploy_refuses_before_the_upload(tmp_path: Path, path: str, status: int, message: str) -> None:
    async def test(client: AsgiClient, _: World) -> None:
        reply = await client.call("POST", path, None, NDJSON)
        assert reply.status == status
        assert message in reply.json["cause"]

    with_admin(tmp_path, test)


def test_upload_that_is_too_large_or_stalls_is_given_up(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        large = await client.post(deploy_path(), bytes(MAX_BUNDLE_BYTES + 1))
        assert (large.status, large.json["error"]) == (413, "too_large")
        stalled = await client.call("POST", deploy_path(), None)
        assert stalled.status == 408
        assert not list(w.home.bundles.iterdir())

    with_admin(tmp_path, test)


def test_client_that_leaves_ends_its_deployment(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        w.launcher.script = lambda _: NEVER_LISTENS
        upload = [archive(tmp_path / "b")]
        async with client.opened("POST", deploy_path(), upload, NDJSON) as (reply, left, done):
            await eventually(lambda: bool(w.launcher.alive))
            left.set()
            await done
            assert reply.lines[-1]["error"] == "unavailable"
        assert not w.launcher.alive
        assert not w.registry.snapshot().models

    with_admin(tmp_path, test)


def test_stopping_server_ends_a_deployment_with_an_answer(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        w.launcher.script = lambda _: NEVER_LISTENS
        async with client.opened("POST", deploy_path(), [archive(tmp_path / "b")]) as (reply, _, done):
            await eventually(lambda: bool(w.launcher.alive))
            await w.deployments.close()
            await done
            assert (reply.status, reply.json["error"]) == (503, "unavailable")

    with_admin(tmp_path, test)
