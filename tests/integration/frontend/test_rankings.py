"""`items` over HTTP: the best of them, by what the models say, by the deadline."""

import pytest

from clipper.core.inputs import InputType
from clipper.core.prediction import SLO_MISSED
from clipper.registry.entities import Application
from tests.fake_container import Behaviour, never
from tests.integration.frontend.behaviours import add_up, each
from tests.integration.frontend.client import Client
from tests.integration.frontend.stage import Stage

ITEMS = [[float(value)] for value in (1, 5, 3, 4)]


def serve(stage: Stage, name: str, *behaviours: Behaviour, slo_ms: float = 10_000) -> str:
    """An application that ranks by the mean of what one model for each behaviour says."""
    application = Application(
        name=name,
        input_type=InputType.DOUBLES,
        default_output="-1",
        latency_slo_micros=round(slo_ms * 1000),
        policy="split_model",
        policy_config={"explore": 0.0},
        models=tuple([stage.serve(behaviour).name for behaviour in behaviours]),
    )
    stage.call(stage.registry.add_application(application))
    return name


def test_best_items_are_named_best_first(stage: Stage, client: Client) -> None:
    app = serve(stage, "films", add_up)
    answer = client.predict(app, {"items": ITEMS, "k": 2, "context": "ann"}).json
    ids = [best.pop("query_id") for best in answer["top_k"]]
    assert len(set(ids)) == 2
    assert answer == {"top_k": [{"item": 1, "score": 5.0}, {"item": 3, "score": 4.0}], "default": False}
    told = client.post(f"/{app}/update", {"query_id": ids[0], "label": 0.0})
    assert (told.status, told.body) == (200, b"Feedback received? 1")
    assert len(client.predict(app, {"items": ITEMS, "k": 9}).json["top_k"]) == len(ITEMS)


def test_features_come_through_the_cache(stage: Stage, client: Client) -> None:
    seen: list[float] = []

    def count(row: list[float]) -> float:
        seen.append(row[0])
        return row[0]

    app = serve(stage, "cached", each(count))
    for context in ("ann", "bob"):
        assert client.predict(app, {"items": ITEMS, "k": 1, "context": context}).json["top_k"][0]["item"] == 1
    assert sorted(seen) == [1.0, 3.0, 4.0, 5.0]


def test_at_the_deadline_what_has_arrived_is_ranked(stage: Stage, client: Client) -> None:
    app = serve(stage, "late", add_up, never, slo_ms=300)
    silent = stage.registry.snapshot().applications[app].models[1]
    answer = client.predict(app, {"items": ITEMS, "k": 1}).json
    assert [best["item"] for best in answer["top_k"]] == [1]
    assert (answer["default"], answer["missing"]) == (False, [silent])


def test_without_any_answer_there_is_no_ranking_and_it_says_why(stage: Stage, client: Client) -> None:
    app = serve(stage, "silent", never, slo_ms=300)
    answer = client.predict(app, {"items": ITEMS, "k": 1}).json
    assert answer == {"top_k": [], "default": True, "default_explanation": SLO_MISSED}


@pytest.mark.parametrize("body", [{"items": ITEMS, "k": 1}, {"items": ITEMS, "k": 1, "version": "1"}])
def test_policy_that_ranks_nothing_says_so(stage: Stage, client: Client, body: dict[str, object]) -> None:
    app = stage.serve(add_up).name
    refused = client.predict(app, body)
    assert refused.status == 400
    assert refused.json["cause"] == (f"Policy 'majority' of application '{app}' ranks no items: expected split_model")


def test_client_that_leaves_takes_its_items_along(stage: Stage, client: Client) -> None:
    app = serve(stage, "left", never, slo_ms=2_000)
    with stage.client() as other:
        other.send(b"POST /left/predict HTTP/1.1\r\ncontent-length: 23\r\n\r\n" + b'{"items":[[1.0]],"k":1}')
    answer = client.predict(app, {"items": [[2.0]], "k": 1}).json
    assert answer["default"]
