"""What a scrape of one port says of all the frontends behind it."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clipper.core.prediction import SLO_MISSED
from tests.fake_container import never
from tests.integration.frontend.behaviours import add_up
from tests.integration.frontend.stage import Served, Stage, eventually


@pytest.fixture(scope="module")
def served(pair: Stage) -> Served:
    """An application that has answered a query on each of 40 connections, which the kernel spread."""
    served = pair.serve(add_up)
    for number in range(40):
        with pair.client() as client:
            assert client.predict(served.name, {"input": [number]}).json["output"] == number
    return served


def scrape(stage: Stage, query: str = "") -> dict[str, list[Any]]:
    """The samples of one scrape by name."""
    with stage.client() as client:
        response = client.get("/metrics" + query)
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(response.body.decode()):
        assert family.documentation
        assert family.type != "unknown"
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample)
    return samples


def test_scrape_has_every_frontend_whichever_answers(pair: Stage, served: Served) -> None:
    for _ in range(6):
        of_app = [each for each in scrape(pair)["clipper_queries_total"] if each.labels["application"] == served.name]
        assert sorted(each.labels["frontend"] for each in of_app) == ["0", "1"]
        assert sum(each.value for each in of_app) == 40


def test_scope_self_leaves_the_siblings_out(pair: Stage, served: Served) -> None:
    (own,) = [
        each
        for each in scrape(pair, "?scope=self")["clipper_queries_total"]
        if each.labels["application"] == served.name
    ]
    assert "frontend" not in own.labels


def test_model_and_replica_are_measured(pair: Stage, served: Served) -> None:
    samples = scrape(pair)

    def total(name: str) -> float:
        return float(sum(each.value for each in samples[name] if each.labels.get("model") == served.name))

    assert total("clipper_model_predictions_total") == 40
    assert total("clipper_model_cache_misses_total") == 40
    assert total("clipper_replica_connected") == 2
    assert total("clipper_replica_batch_size_sum") == 40
    assert total("clipper_replica_compute_seconds_count") > 0
    assert total("clipper_model_queue_seconds_count") == 40


def test_latency_histogram_is_cumulative(pair: Stage, served: Served) -> None:
    for frontend in "01":
        buckets = [
            each
            for each in scrape(pair)["clipper_query_latency_seconds_bucket"]
            if (each.labels["application"], each.labels["frontend"]) == (served.name, frontend)
        ]
        counts = [each.value for each in buckets]
        assert counts == sorted(counts)
        assert buckets[-1].labels["le"] == "+Inf"


def test_defaults_are_counted_by_reason(pair: Stage) -> None:
    silent = pair.serve(never, slo_ms=20)
    with pair.client() as client:
        assert client.predict(silent.name, {"input": [1]}).json["default"]
    (counted,) = [
        each for each in scrape(pair)["clipper_default_predictions_total"] if each.labels["application"] == silent.name
    ]
    assert (counted.labels["reason"], counted.value) == (SLO_MISSED, 1)


def test_strange_names_do_not_break_the_format(pair: Stage, served: Served) -> None:
    with pair.client() as client:
        client.predict('no"body', {"input": [1]})
        client.post(f"/{served.name}/predict", {"input": [1], "version": 'a"\n\\'})
    assert scrape(pair)


def test_frontend_that_is_gone_is_left_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Stage(tmp_path_factory.mktemp("h"), frontends=2) as stage:
        stage.frontends.pop().stop()
        stage.stop_listening(1)
        eventually(lambda: {each.labels["frontend"] for each in scrape(stage)["process_open_fds"]} == {"0"}, "both")
