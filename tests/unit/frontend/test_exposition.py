"""Scrapes of several frontends become one, and stay what Prometheus reads."""

from prometheus_client.parser import text_string_to_metric_families

from clipper.frontend.exposition import merge

FIRST = b"""# HELP clipper_queries_total Queries answered.
# TYPE clipper_queries_total counter
clipper_queries_total{application="a"} 3.0
clipper_queries_total{application="b # HELP {"} 1.0
# HELP clipper_cache_bytes Held by the prediction cache.
# TYPE clipper_cache_bytes gauge
clipper_cache_bytes 5.0
"""
SECOND = b"""# HELP clipper_queries_total Queries answered.
# TYPE clipper_queries_total counter
clipper_queries_total{application="a"} 4.0
"""


def test_merge_labels_each_sample_with_its_frontend() -> None:
    families = {each.name: each for each in text_string_to_metric_families(merge([(0, FIRST), (1, SECOND)]).decode())}
    samples = {
        (each.labels["application"], each.labels["frontend"]): each.value
        for each in families["clipper_queries"].samples
    }
    assert samples == {("a", "0"): 3.0, ("b # HELP {", "0"): 1.0, ("a", "1"): 4.0}
    assert [(each.labels, each.value) for each in families["clipper_cache_bytes"].samples] == [({"frontend": "0"}, 5.0)]


def test_merge_leaves_out_a_frontend_that_did_not_answer() -> None:
    assert merge([(0, SECOND), (1, b"")]) == merge([(0, SECOND)])
