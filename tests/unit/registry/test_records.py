import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.registry.entities import Snapshot
from clipper.registry.records import application_key, encode, model_key, read_snapshot, replica_key
from tests.unit.registry.world import application, model, replica


def test_nothing_is_an_empty_snapshot() -> None:
    assert read_snapshot([]) == Snapshot()


def test_replicas_are_kept_in_the_order_of_their_ids() -> None:
    keys = [replica_key("m", "1", number) for number in (0, 2, 9, 10, 100, 4_000_000_000)]
    assert keys == sorted(keys)


def test_field_of_a_newer_version_is_ignored() -> None:
    value = encode(model()).replace(b"{", b'{"added_later":1,', 1)
    assert read_snapshot([(model_key("m", "1"), value)]).models == {("m", "1"): model()}


def test_version_recorded_before_there_was_a_history_has_none() -> None:
    value = encode(model()).replace(b',"previous":""', b"")
    assert b"previous" not in value
    assert read_snapshot([(model_key("m", "1"), value)]).models["m", "1"].previous == ""


def test_records_of_before_there_were_tunings_have_the_defaults() -> None:
    old_application = (
        b'{"name":"app","input_type":"doubles","default_output":"-1.0","latency_slo_micros":20000,'
        b'"policy":"majority","policy_config":{},"models":[]}'
    )
    old_model = (
        b'{"name":"m","version":"1","input_type":"doubles","labels":["a","b"],"container_name":"",'
        b'"model_data_path":"","batch_size":-1,"bundle":"digest","replicas":0,"previous":""}'
    )
    snapshot = read_snapshot([(application_key("app"), old_application), (model_key("m", "1"), old_model)])
    assert snapshot.applications == {"app": application()}
    assert snapshot.models == {("m", "1"): model()}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (model_key("m", "1"), b"{}"),
        (model_key("m", "1"), b"\xff"),
        (replica_key("m", "1", 0) + b"x", encode(replica())),
        (b"registry/revision", b"many"),
        (b"registry/colour/blue", b"1"),
    ],
)
def test_unreadable_record_is_named(key: bytes, value: bytes) -> None:
    with pytest.raises(ClipperError) as caught:
        read_snapshot([(key, value)])
    assert caught.value.code is ErrorCode.STORE_FAILED
    assert repr(key) in caught.value.message
