"""Large batches between a link and containers that are real processes: through shared memory, or without."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import uvloop

from clipper.abstraction.arena import ARENA_BYTES, Arena
from clipper.abstraction.link import MIN_SHARED_BYTES, Link, LinkConfig
from clipper.core.inputs import DType, Input
from clipper.wire.batches import ItemFailure, Outcome
from tests import toy_models
from tests.container_client import running
from tests.integration.abstraction.test_link import Owner
from tests.toy_models import python_bundle
from tests.unit.abstraction.evaluations import until
from tests.wire.arrays import TOKEN, data

BARE_CONTAINER = Path(__file__).parents[2] / "wire" / "bare_container.py"
SHARED, INLINE = 2 * MIN_SHARED_BYTES, MIN_SHARED_BYTES // 8


@contextmanager
def bare_container(path: Path, *options: str) -> Iterator[str]:
    """Its address."""
    environment = {**os.environ, "CLIPPER_CONTAINER_TOKEN": TOKEN}
    with subprocess.Popen([sys.executable, BARE_CONTAINER, path, *options], env=environment) as process:
        try:
            yield f"unix:{path}"
        finally:
            process.kill()


@asynccontextmanager
async def linked(address: str) -> AsyncIterator[tuple[Link, Owner]]:
    link, owner = Link(address, TOKEN, "test", LinkConfig()), Owner()
    link.start(owner)
    try:
        await until(lambda: link.ready)
        yield link, owner
    finally:
        await link.stop()


async def outcomes(link: Link, owner: Owner, batch_id: int, inputs: list[Input]) -> list[Outcome]:
    link.send(batch_id, inputs)
    await until(lambda: any(each == batch_id for each, _ in owner.results))
    return next(result.outcomes for each, result in owner.results if each == batch_id)


def images(count: int, size: int) -> list[Input]:
    return [Input(DType.UINT8, (size,), bytes([number + 1]) * size) for number in range(count)]


@pytest.mark.parametrize("options", [(), ("--no-arena",)])
def test_container_written_from_the_documentation_serves(tmp_path: Path, options: tuple[str, ...]) -> None:
    async def scenario(address: str) -> None:
        async with linked(address) as (link, owner):
            for batch_id, size in enumerate((INLINE, SHARED, INLINE, SHARED)):
                expected = [b"%d" % (size * (number + 1)) for number in range(3)]
                assert await outcomes(link, owner, batch_id, images(3, size)) == expected
            ragged = [data(b"\1" * SHARED), data(b""), data(b"\2")]
            failure = ItemFailure("ValueError: nothing to add")
            assert await outcomes(link, owner, 9, ragged) == [b"%d" % SHARED, failure, b"2"]

    with bare_container(tmp_path / "socket", *options) as address:
        uvloop.run(scenario(address))


def test_batches_under_way_do_not_disturb_each_other(tmp_path: Path) -> None:
    """More at a time than the arena has room for; what does not fit goes through the socket."""
    size = ARENA_BYTES // 5
    rows = [Input(DType.FLOAT64, (size // 8,), os.urandom(8) * (size // 8)) for _ in range(8)]

    async def scenario(address: str) -> None:
        async with linked(address) as (link, owner):
            for batch_id, row in enumerate(rows):
                link.send(batch_id, [row])
            await until(lambda: len(owner.results) == len(rows))
        assert [batch_id for batch_id, _ in owner.results] == list(range(len(rows)))
        for (_, result), row in zip(owner.results, rows, strict=True):
            assert result.outcomes == [b'"first %s"' % row.payload[:8].hex().encode()]

    with running(python_bundle(tmp_path / "a", toy_models.first_in_hex)) as container:
        container.link().connection.close()
        uvloop.run(scenario(f"unix:{container.path}"))


def test_input_that_fails_in_a_shared_batch_fails_alone(tmp_path: Path) -> None:
    """The model has written over its inputs before it failed; the second try reads them from the arena again."""
    row = b"\0" * 7 + b"\x40"  # 2.0
    wide = MIN_SHARED_BYTES // 8
    good = [Input(DType.FLOAT64, (wide,), row * wide)] * 2
    bad = Input(DType.FLOAT64, (wide,), bytes(8 * wide))

    async def scenario(address: str) -> None:
        async with linked(address) as (link, owner):
            first, failed, last = await outcomes(link, owner, 1, [good[0], bad, good[1]])
            assert first == last == str(float(wide)).encode()
            assert isinstance(failed, ItemFailure)

    with running(python_bundle(tmp_path / "a", toy_models.halve_in_place_and_add)) as container:
        container.link().connection.close()
        uvloop.run(scenario(f"unix:{container.path}"))


def test_link_that_is_lost_leaves_no_memory(tmp_path: Path) -> None:
    async def scenario(address: str) -> None:
        before = _memory_files()
        async with linked(address) as (link, owner):
            await outcomes(link, owner, 1, images(2, SHARED))
            for number in range(3):
                link.drop("as a test")
                await until(lambda: not link.ready)
                await until(lambda: link.ready)
                await outcomes(link, owner, number + 2, images(2, SHARED))
            assert _memory_files() == before + 2  # one mapping and one descriptor of the present link
        assert _memory_files() == before

    with bare_container(tmp_path / "socket") as address:
        uvloop.run(scenario(address))


def test_without_memory_files_everything_goes_inline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError("Function not implemented")

    async def scenario(address: str) -> None:
        async with linked(address) as (link, owner):
            assert await outcomes(link, owner, 1, images(1, SHARED)) == [b"%d" % SHARED]

    monkeypatch.setattr(os, "memfd_create", refuse)
    with pytest.raises(OSError, match="not implemented"):
        Arena()
    with bare_container(tmp_path / "socket") as address:
        asyncio.run(scenario(address))


def _memory_files() -> int:
    descriptors = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sum("clipper-arena" in str(each) for each in descriptors)
