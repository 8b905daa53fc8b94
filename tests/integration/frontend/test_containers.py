"""Containers that break their word: their own queries get defaults in time, everybody else's their predictions."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clipper.wire.batches import InputBatch
from tests.fake_container import Behaviour, Peer, after, close, first, garbage, never, too_many, unknown_batch
from tests.integration.frontend.behaviours import add_up, rows
from tests.integration.frontend.client import Client
from tests.integration.frontend.stage import Served, Stage, eventually

SLO_MS = 300


async def half_a_frame(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Begin an answer, and then say nothing."""
    peer.write(b"\x10\x00\x00\x00\x05")


async def a_huge_frame(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Announce four gigabytes."""
    peer.write(b"\xff\xff\xff\xff\x05\x00\x00\x00" + bytes(8))


async def wrong_lengths(peer: Peer, batch_id: int, batch: InputBatch) -> None:
    """Claim that the one output is longer than the frame."""
    header = b"\x14\x00\x00\x00\x05\x00\x00\x00" + batch_id.to_bytes(8, "little")
    peer.write(header + b"\x01" + bytes(15) + b"\xff\x00\x00\x00")


BAD: dict[str, Behaviour] = {
    "too few": too_many(-1),
    "too many": too_many(1),
    "garbage": garbage,
    "half a frame": half_a_frame,
    "a huge frame": a_huge_frame,
    "wrong lengths": wrong_lengths,
    "an unknown batch": unknown_batch,
    "never": never,
    "dies": close,
}


@pytest.fixture(scope="module")
def neighbour(stage: Stage) -> Served:
    return stage.serve(add_up, slo_ms=5000)


@pytest.fixture(autouse=True)
def frontend_is_as_before(stage: Stage, neighbour: Served) -> Iterator[None]:
    before = stage.frontend.descriptors()
    yield
    eventually(lambda: stage.frontend.descriptors() <= before, "descriptors are left open")


@pytest.mark.parametrize("name", BAD)
def test_bad_container_costs_only_its_own_queries_their_predictions(stage: Stage, neighbour: Served, name: str) -> None:
    bad = stage.serve(BAD[name], slo_ms=SLO_MS)

    def ask_bad(number: int) -> float:
        with stage.client() as client:
            began = time.monotonic()
            answer = client.predict(bad.name, {"input": [number, 0.5]}).json
            assert answer["default"], answer
            assert answer["default_explanation"]
            return time.monotonic() - began

    def ask_neighbour(number: int) -> bool:
        with stage.client() as client:
            answers = [client.predict(neighbour.name, {"input": [number, n]}).json for n in range(20)]
        return [answer["output"] for answer in answers if not answer["default"]] == [number + n for n in range(20)]

    with ThreadPoolExecutor(8) as threads:
        took_s = list(threads.map(ask_bad, range(20)))
        right = list(threads.map(ask_neighbour, range(100, 110)))
    assert max(took_s) < SLO_MS / 1000 + 0.5
    assert sorted(took_s)[len(took_s) // 2] < SLO_MS / 1000 + 0.05
    assert all(right)
    stage.withdraw(bad)


@pytest.mark.parametrize("name", sorted(BAD.keys() - {"never", "half a frame"}))
def test_good_replica_answers_what_a_bad_one_lost(stage: Stage, client: Client, name: str) -> None:
    """Within a deadline that leaves time for it. One that stays silent keeps its two batches until the deadline."""
    mixed = stage.serve(add_up, BAD[name], slo_ms=10_000)
    answers = [client.predict(mixed.name, {"input": [number, 1]}).json for number in range(30)]
    assert [answer["output"] for answer in answers] == [number + 1 for number in range(30)]
    stage.withdraw(mixed)


def test_replica_that_comes_back_to_its_senses_is_used_again(stage: Stage, client: Client) -> None:
    app = stage.serve(first(1, close, add_up), slo_ms=10_000)
    assert client.predict(app.name, {"input": [1, 2]}).json["output"] == 3
    stage.withdraw(app)


def test_silent_replica_takes_no_more_than_two_batches(stage: Stage, client: Client) -> None:
    app = stage.serve(never, add_up, slo_ms=200)
    outputs = [client.predict(app.name, {"input": [number, 1]}).json for number in range(60)]
    assert sum(answer["default"] for answer in outputs) <= 2
    again = [client.predict(app.name, {"input": [number, 1]}).json for number in range(60)]
    assert not any(answer["default"] for answer in again)
    stage.withdraw(app)


def test_late_answer_is_kept_for_the_next_query(stage: Stage, client: Client) -> None:
    app = stage.serve(after(0.2, add_up), slo_ms=50)
    assert client.predict(app.name, {"input": [1, 2]}).json["default"]
    eventually(lambda: not client.predict(app.name, {"input": [1, 2]}).json["default"], "never cached")
    assert app.batches >= 1
    stage.withdraw(app)


def test_container_that_dies_at_every_batch_ends_with_a_default_that_says_so(stage: Stage, client: Client) -> None:
    app = stage.serve(close, slo_ms=10_000)
    began = time.monotonic()
    answer = client.predict(app.name, {"input": [1]}).json
    assert answer["default_explanation"] == "The model's container ended while it computed this input, twice"
    assert time.monotonic() - began < 5
    stage.withdraw(app)


def test_query_of_a_model_that_is_removed_meanwhile_is_answered(stage: Stage) -> None:
    app = stage.serve(never, slo_ms=1000)
    with ThreadPoolExecutor(1) as threads, stage.client() as client:
        asked = threads.submit(client.predict, app.name, {"input": [1]})
        eventually(lambda: app.batches == 1, "the query never came")
        stage.withdraw(app)
        assert asked.result().json["default"]


def test_deadly_input_costs_one_replica_at_a_time_and_its_neighbours_nothing(stage: Stage, client: Client) -> None:
    async def dies_of_thirteen(peer: Peer, batch_id: int, batch: InputBatch) -> None:
        if [13.0] in rows(batch):
            peer.close()
        else:
            await add_up(peer, batch_id, batch)

    app = stage.serve(dies_of_thirteen, dies_of_thirteen, slo_ms=10_000, batch_size=8)
    predictions = client.predict(app.name, {"input_batch": [[number] for number in range(32)]}).json[
        "batch_predictions"
    ]
    assert [number for number, one in enumerate(predictions) if one["default"]] == [13]
    stage.withdraw(app)
