"""A split that is to end itself is ended by the controller, once the evidence is there, and everybody can see it."""

from pathlib import Path

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.selection.verdicts import Verdicts
from tests.integration.management.admin import with_admin
from tests.integration.management.asgi import AsgiClient
from tests.integration.management.test_learning import begin, learn, state
from tests.integration.management.world import World

CONFIG = {"weights": {"a": 0.9, "b": 0.1}, "verdict": {"candidate": "b", "current": "a"}}
BETTER = {"right": {"a": 700, "b": 900}, "seen": {"a": 1000, "b": 1000}}
WORSE = {"right": {"a": 900, "b": 700}, "seen": {"a": 1000, "b": 1000}}


@pytest.mark.parametrize(("learned", "winner", "verdict"), [(BETTER, "b", "promote"), (WORSE, "a", "roll_back")])
def test_split_ends_when_it_is_decided(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, learned: dict[str, object], winner: str, verdict: str
) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client, "split", CONFIG)
        verdicts = Verdicts(w.registry, w.operations.learning)
        await verdicts.look()
        said = (await client.post("/admin/get_weights", {"app_name": "app"})).json
        assert said["verdict"] == {"candidate": "b", "current": "a", "verdict": "undecided", "low": -1.0, "high": 1.0}
        learn(w, learned)
        for _ in range(2):
            await verdicts.look()
        app = (await client.post("/admin/get_application", {"name": "app"})).json
        assert app["policy_config"]["weights"] == {winner: 1.0}
        assert (app["policy_config"]["verdict"]["decided"], app["epoch"]) == (verdict, 0)
        assert state(w) == learned
        said = (await client.post("/admin/get_weights", {"app_name": "app"})).json
        assert said["verdict"]["verdict"] == verdict
        assert {each["model"]: each["weight"] for each in said["models"]}[winner] == 1.0
        assert [each.getMessage() for each in caplog.records].count(caplog.messages[0]) == 1
        assert f"verdict {verdict}; '{winner}' takes the traffic" in caplog.messages[0]

    with_admin(tmp_path, test)


def test_new_test_counts_from_the_beginning(tmp_path: Path) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client, "split", {})
        learn(w, BETTER)
        reply = await client.post("/admin/set_app", {"name": "app", "policy_config": CONFIG})
        assert reply.json["epoch"] == 1
        await Verdicts(w.registry, w.operations.learning).look()
        assert w.registry.snapshot().applications["app"].policy_config == CONFIG

    with_admin(tmp_path, test)


def test_store_that_is_away_only_delays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test(client: AsgiClient, w: World) -> None:
        await begin(client, "split", CONFIG)
        learn(w, BETTER)
        w.store.refusal = ClipperError(ErrorCode.STORE_BUSY, "later")
        verdicts = Verdicts(w.registry, w.operations.learning)
        await verdicts.look()
        assert "No verdicts on splits for now: later" in caplog.text
        w.store.refusal = None
        await verdicts.look()
        assert w.registry.snapshot().applications["app"].policy_config["weights"] == {"b": 1.0}

    with_admin(tmp_path, test)
