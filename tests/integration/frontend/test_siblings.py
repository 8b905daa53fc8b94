"""Feedback finds the frontend that has answered the query, whichever of those on the port it comes to."""

import pytest

from tests.integration.frontend.behaviours import add_up
from tests.integration.frontend.client import Response
from tests.integration.frontend.stage import Stage


def ask(stage: Stage, app: str, number: int) -> int:
    """The id of a query on a connection of its own."""
    with stage.client() as client:
        return int(client.predict(app, {"input": [number]}).json["query_id"])


def tell(stage: Stage, app: str, query_id: int) -> Response:
    with stage.client() as client:
        return client.post(f"/{app}/update", {"query_id": query_id, "label": 1})


def test_feedback_by_query_id_is_acknowledged_wherever_it_arrives(pair: Stage) -> None:
    app = pair.serve(add_up).name
    query_ids = [ask(pair, app, number) for number in range(20)]
    assert len({query_id >> 33 for query_id in query_ids}) == 2  # both frontends have answered some
    for query_id in query_ids:
        response = tell(pair, app, query_id)
        assert (response.status, response.body) == (200, b"Feedback received? 1")


@pytest.mark.parametrize("query_id", [0, 1, -1, 2**53, 2**63])
def test_query_that_nobody_answered_is_not_found(pair: Stage, query_id: int) -> None:
    app = pair.serve(add_up).name
    for _ in range(4):
        assert tell(pair, app, query_id).status == 404


def test_refusal_of_a_sibling_is_passed_on(pair: Stage) -> None:
    app, other = pair.serve(add_up).name, pair.serve(add_up).name
    query_id = ask(pair, app, 1)
    for _ in range(8):
        response = tell(pair, other, query_id)
        assert (response.status, response.json["error"]) == (404, "Query processing error")


def test_batch_of_feedback_finds_each_query_where_it_was_answered(pair: Stage) -> None:
    app = pair.serve(add_up).name
    query_ids = [ask(pair, app, number) for number in range(20)]
    assert len({query_id >> 33 for query_id in query_ids}) == 2
    feedbacks = [{"query_id": query_id, "label": 1} for query_id in (*query_ids, 1)]
    with pair.client() as client:
        updates = client.post(f"/{app}/update", {"update_batch": feedbacks}).json["updates"]
    assert updates[:-1] == [{"ok": True}] * 20
    assert updates[-1]["cause"].startswith("No query with query_id 1 is known")
