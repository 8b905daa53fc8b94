"""Bundles are received whole or not at all, and kept as long as somebody refers to them."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clipper.container.archive import pack
from clipper.container.bundle import Manifest, write_bundle
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.management.bundles import BundleFolder


def archive(folder: Path, content: bytes = b"code") -> bytes:
    manifest = Manifest(framework="python", entry="function.pkl", input_type=InputType.DOUBLES)
    write_bundle(folder, manifest, {"function.pkl": content})
    stream = io.BytesIO()
    pack(folder, stream)
    return stream.getvalue()


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.fixture
def referenced() -> set[str]:
    return set()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "bundles"
    folder.mkdir()
    return folder


def receive(folder: Path, content: bytes, referenced: set[str], limit: int = 1_000_000) -> str:
    """Receive a bundle, refer to it while it is there, and return its digest."""

    async def run() -> str:
        bundles = BundleFolder(folder, limit, lambda: referenced)
        async with bundles.receive(pieces(content)) as bundle:
            assert (bundle.folder / "function.pkl").is_file()
            referenced.add(bundle.digest)
        return bundle.digest

    return asyncio.run(run())


def test_bundle_that_is_referred_to_stays(home: Path, tmp_path: Path, referenced: set[str]) -> None:
    digest = receive(home, archive(tmp_path / "b"), referenced)
    assert [each.name for each in home.iterdir()] == [digest]
    assert BundleFolder(home, 1, lambda: referenced).open(digest).manifest.entry == "function.pkl"


def test_bundle_that_nobody_refers_to_goes(home: Path, tmp_path: Path) -> None:
    async def run() -> None:
        bundles = BundleFolder(home, 1_000_000, set)
        with pytest.raises(RuntimeError):
            async with bundles.receive(pieces(archive(tmp_path / "b"))):
                raise RuntimeError("the deployment failed")

    asyncio.run(run())
    assert list(home.iterdir()) == []


def test_same_bundle_twice_is_kept_once(home: Path, tmp_path: Path, referenced: set[str]) -> None:
    content = archive(tmp_path / "b")
    assert receive(home, content, referenced) == receive(home, content, referenced)
    assert len(list(home.iterdir())) == 1


def test_bundle_in_use_by_another_deployment_is_not_deleted(home: Path, tmp_path: Path) -> None:
    content = archive(tmp_path / "b")

    async def run() -> None:
        bundles = BundleFolder(home, 1_000_000, set)
        async with bundles.receive(pieces(content)) as first:
            async with bundles.receive(pieces(content)):
                pass
            assert first.folder.is_dir()
        assert not first.folder.exists()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"no archive at all", ErrorCode.INVALID_ARGUMENT), (b"", ErrorCode.INVALID_ARGUMENT)],
)
def test_what_is_no_bundle_is_refused_and_leaves_nothing(home: Path, content: bytes, code: ErrorCode) -> None:
    with pytest.raises(ClipperError) as caught:
        receive(home, content, set())
    assert caught.value.code is code
    assert list(home.iterdir()) == []


def test_upload_over_the_limit_is_cut_off(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ClipperError, match="more than 100 bytes") as caught:
        receive(home, archive(tmp_path / "b"), set(), limit=100)
    assert caught.value.code is ErrorCode.TOO_LARGE
    assert list(home.iterdir()) == []


def test_upload_that_breaks_off_leaves_nothing(home: Path, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield archive(tmp_path / "b")[:50]
        raise ClipperError(ErrorCode.UNAVAILABLE, "the client left")

    async def run() -> None:
        async with BundleFolder(home, 1_000_000, set).receive(broken()):
            raise AssertionError("not reached")

    with pytest.raises(ClipperError, match="the client left"):
        asyncio.run(run())
    assert list(home.iterdir()) == []


def test_what_a_killed_controller_left_is_cleared(home: Path) -> None:
    (home / "incoming-x" / "bundle").mkdir(parents=True)
    (home / ("0" * 64)).mkdir()
    bundles = BundleFolder(home, 1, set)
    bundles.delete_incomplete()
    asyncio.run(bundles.delete_unused())
    assert list(home.iterdir()) == []


def test_missing_bundle_is_named(home: Path) -> None:
    with pytest.raises(ClipperError, match="deploy it again") as caught:
        BundleFolder(home, 1, set).open("0" * 64)
    assert caught.value.code is ErrorCode.NOT_FOUND
