"""One connection to a container over a real socket, in virtual time."""

import asyncio
from pathlib import Path

import pytest

from clipper.abstraction.link import Link, LinkConfig
from clipper.wire.batches import ResultBatch
from tests.fake_container import Behaviour, FakeContainer, Peer, echo, garbage, goodbye
from tests.unit.abstraction.evaluations import number, until
from tests.virtual_time import ManualClock, run_virtually
from tests.wire.arrays import TOKEN


class Owner:
    """Notes what the link tells it."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.results: list[tuple[int, ResultBatch]] = []

    def link_ready(self) -> None:
        self.events.append("ready")

    def link_result(self, batch_id: int, result: ResultBatch) -> None:
        self.events.append("result")
        self.results.append((batch_id, result))

    def link_lost(self) -> None:
        self.events.append("lost")


def link_to(container: FakeContainer, token: str = TOKEN) -> Link:
    return Link(container.address, token, "frontend-0", LinkConfig())


def test_batch_goes_out_and_comes_back(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c") as container:
            link = link_to(container)
            link.start(owner)
            await until(lambda: link.ready)
            link.send(7, [number(1), number(2)])
            await until(lambda: bool(owner.results))
            await link.stop()
            assert container.peers[0].hello is not None
            assert container.peers[0].hello.peer == "frontend-0"
        ((batch_id, result),) = owner.results
        assert batch_id == 7
        assert result.outcomes == [number(1).payload, number(2).payload]
        assert result.compute_ns == 1_000_000
        assert owner.events == ["ready", "result", "lost"]
        assert not link.ready

    run_virtually(scenario)


def test_container_that_listens_late_is_found(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        container = FakeContainer(tmp_path / "c")
        link = link_to(container)
        link.start(owner)
        await until(lambda: clock() > 1010.0)
        assert not link.ready
        assert "No such file" in link.last_error
        async with container:
            await until(lambda: link.ready, patience_s=LinkConfig().redial_max_s + 0.1)
            await link.stop()

    run_virtually(scenario)


def test_container_that_comes_back_is_redialled_soon(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c") as first:
            link = link_to(first)
            link.start(owner)
            await until(lambda: link.ready)
        await until(lambda: "lost" in owner.events)
        assert not link.ready
        async with FakeContainer(tmp_path / "c"):
            await until(lambda: link.ready, patience_s=0.2)
            await link.stop()
        assert owner.events == ["ready", "lost", "ready", "lost"]

    run_virtually(scenario)


def test_container_that_refuses_the_token_is_never_used(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c") as container:
            link = link_to(container, token="f" * 64)
            link.start(owner)
            await until(lambda: len(container.peers) >= 3)
            assert "refused" in link.last_error
            assert "wrong token" in link.last_error
            await link.stop()
        assert owner.events == []

    run_virtually(scenario)


def test_container_without_its_half_of_the_token_is_never_used(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c") as container:
            container.welcome_token = "0" * 32
            link = link_to(container)
            link.start(owner)
            await until(lambda: len(container.peers) >= 3)
            assert "token" in link.last_error
            await link.stop()
        assert owner.events == []

    run_virtually(scenario)


def test_container_that_does_not_greet_is_redialled(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c") as container:
            container.greets = False
            link = link_to(container)
            link.start(owner)
            await until(lambda: len(container.peers) == 1)
            dialled = clock()
            container.greets = True
            await until(lambda: link.ready)
            assert clock() - dialled == pytest.approx(LinkConfig().handshake_timeout_s, abs=0.1)
            await link.stop()
        assert owner.events == ["ready", "lost"]

    run_virtually(scenario)


async def result_of_another_kind(peer: Peer, batch_id: int, batch: object) -> None:
    peer.write(b"\x04\0\0\0\x05\0\0\0" + bytes(8) + b"\1\2\3\4")


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [(garbage, "Not a frame"), (goodbye, ""), (result_of_another_kind, "RESULT body ends inside")],
)
def test_container_that_breaks_off_is_redialled(tmp_path: Path, behaviour: Behaviour, error: str) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c", behaviour) as container:
            link = link_to(container)
            link.start(owner)
            await until(lambda: link.ready)
            link.send(1, [number(1)])
            await until(lambda: "lost" in owner.events)
            assert error in link.last_error
            container.behaviour = echo
            await until(lambda: link.ready)
            link.send(2, [number(2)])
            await until(lambda: bool(owner.results))
            await link.stop()
        assert owner.events == ["ready", "lost", "ready", "result", "lost"]

    run_virtually(scenario)


def test_dropped_link_says_why_and_comes_back(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c") as container:
            link = link_to(container)
            link.start(owner)
            await until(lambda: link.ready)
            link.drop("It answered with 3 outcomes")
            assert not link.ready
            await until(lambda: "lost" in owner.events)
            assert link.last_error == "It answered with 3 outcomes"
            assert "It answered with 3 outcomes" in repr(link)
            await until(lambda: link.ready)
            await link.stop()

    run_virtually(scenario)


def test_probe_is_answered(tmp_path: Path) -> None:
    async def scenario(clock: ManualClock) -> None:
        async with FakeContainer(tmp_path / "c") as container:
            link = link_to(container)
            link.start(Owner())
            await until(lambda: link.ready)
            (peer,) = container.peers
            peer.write(peer.session.send_ping(42))
            await container.until(lambda: peer.pongs == [42])
            await link.stop()

    run_virtually(scenario)


@pytest.mark.parametrize("steps", range(12))
def test_stop_leaves_nothing_whenever_it_comes(tmp_path: Path, steps: int) -> None:
    async def scenario(clock: ManualClock) -> None:
        owner = Owner()
        async with FakeContainer(tmp_path / "c") as container:
            link = link_to(container)
            link.start(owner)
            for _ in range(steps):
                await asyncio.sleep(0)
            await link.stop()
            assert not link.ready
            seen = len(container.peers)
            await until(lambda: clock() > 1010.0)
            assert len(container.peers) <= max(seen, 1)
        assert owner.events in ([], ["ready", "lost"])

    run_virtually(scenario)


def test_stop_of_a_link_that_was_never_started() -> None:
    async def scenario(clock: ManualClock) -> None:
        await Link("unix:/nowhere", TOKEN, "test", LinkConfig()).stop()

    run_virtually(scenario)
