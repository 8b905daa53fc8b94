"""What frontends know of judged queries reaches the controller over their private sockets, and nobody else."""

import asyncio

from clipper.management.selection.frontends import Frontends
from clipper.selection.evidence.judged import Judged
from tests.integration.frontend.behaviours import add_up
from tests.integration.frontend.stage import Stage


def evidence_of(stage: Stage, app: str, limit: int = 1000) -> list[Judged]:
    return asyncio.run(Frontends(stage.home.run).evidence(app, limit))


def test_judged_queries_of_all_frontends_are_gathered(pair: Stage) -> None:
    app = pair.serve(add_up).name
    assert evidence_of(pair, app) == []
    incarnations = set()
    for value in range(300):
        with pair.client() as client:
            query_id = client.predict(app, {"input": [value], "context": "ann"}).json["query_id"]
            incarnations.add(query_id >> 33)
            assert client.post(f"/{app}/update", {"query_id": query_id, "label": value}).status == 200
    found = evidence_of(pair, app)
    assert len(incarnations) == 2
    assert sorted(float(each.label or b"") for each in found) == list(range(300))
    assert {each.context for each in found} == {"ann"}
    assert all(each.outputs == (each.answered,) and each.models == (app,) for each in found)
    assert 2 <= len(evidence_of(pair, app, limit=1)) <= 2


def test_applications_have_each_their_own_and_none_is_public(pair: Stage) -> None:
    app, other = pair.serve(add_up).name, pair.serve(add_up).name
    with pair.client() as client:
        query_id = client.predict(app, {"input": [1]}).json["query_id"]
        client.post(f"/{app}/update", {"query_id": query_id, "label": 1})
        assert client.get(f"/evidence/{app}").status == 404
    assert len(evidence_of(pair, app)) == 1
    assert evidence_of(pair, other) == []
    assert evidence_of(pair, "unknown") == []


def test_frontend_that_does_not_answer_is_left_out(pair: Stage) -> None:
    app = pair.serve(add_up).name
    (pair.home.run / "query-7.sock").touch()
    assert evidence_of(pair, app) == []
