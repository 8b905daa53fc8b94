"""The bundles of all model versions on disk: received, checked, kept under their digest, deleted when unused."""

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clipper.container.archive import unpack
from clipper.container.bundle import Manifest, bundle_files, digest, read_manifest
from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.disk import disk_errors

_INCOMING = "incoming-"

_WRITE_BYTES = 1024 * 1024
"""Written by a thread in pieces of this size: a thread for each network read would cost more than the write."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk."""

    digest: str
    folder: Path
    manifest: Manifest


class BundleFolder:
    """`<folder>/<digest>/` for each bundle.

    Args:
        folder: where they are; it exists.
        max_upload_bytes: the largest archive accepted.
        referenced: the digests that model versions refer to now; others may be deleted.
    """

    def __init__(self, folder: Path, max_upload_bytes: int, referenced: Callable[[], set[str]]) -> None:
        self._folder = folder
        self._max_upload_bytes = max_upload_bytes
        self._referenced = referenced
        self._deploying: Counter[str] = Counter()
        self._changing = asyncio.Lock()  # so that no bundle arrives while it is being deleted

    @asynccontextmanager
    async def receive(self, upload: AsyncIterator[bytes]) -> AsyncIterator[Bundle]:
        """Take a bundle archive in; inside the context it exists, afterwards only if a model version refers to it.

        Raises:
            ClipperError: TOO_LARGE, INVALID_ARGUMENT if it is no bundle, STORE_FULL if the disk has no room.
        """
        bundle = await self._take_in(upload)
        try:
            yield bundle
        finally:
            self._deploying[bundle.digest] -= 1
            await self.delete_unused()

    def open(self, name: str) -> Bundle:
        """The bundle of that digest. Raises NOT_FOUND if it is not on disk (any more)."""
        folder = self._folder / name
        if not folder.is_dir():
            raise ClipperError(
                ErrorCode.NOT_FOUND,
                f"The bundle {name} is missing in {self._folder}: delete this model version and deploy it again",
            )
        return Bundle(name, folder, read_manifest(folder))

    def in_use(self) -> list[Bundle]:
        """Those that a model version or a deployment under way refers to, as far as they are on disk."""
        names = self._referenced() | set(+self._deploying)
        return [self.open(name) for name in sorted(names) if (self._folder / name).is_dir()]

    def verify(self, name: str) -> None:
        """Raises MODEL_FAILED if the files of a bundle are not those that it was named after."""
        folder = self._folder / name
        found = digest(folder)
        if found != name:
            raise ClipperError(
                ErrorCode.MODEL_FAILED,
                f"The bundle {name} has changed on disk in {folder} (it is {found} now): "
                "delete this model version and deploy it again",
            )

    async def delete_unused(self) -> None:
        """Delete the bundles that neither a model version nor a deployment under way refers to."""
        async with self._changing:
            keep = self._referenced() | set(+self._deploying)
            await asyncio.to_thread(self._delete_except, keep)

    def delete_incomplete(self) -> None:
        """Delete what an earlier controller was receiving when it was killed."""
        for each in self._folder.glob(_INCOMING + "*"):
            shutil.rmtree(each, ignore_errors=True)

    async def _take_in(self, upload: AsyncIterator[bytes]) -> Bundle:
        with disk_errors("store the bundle"):
            work = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self._folder))
            try:
                await self._save(upload, work / "archive.tar.gz")
                received = await asyncio.to_thread(_unpack, work)
                async with self._changing:
                    bundle = await asyncio.to_thread(self._keep, received)
                    self._deploying[bundle.digest] += 1
                return bundle
            finally:
                await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    async def _save(self, upload: AsyncIterator[bytes], path: Path) -> None:
        room = self._max_upload_bytes
        buffer = bytearray()
        with path.open("xb") as file:
            async for chunk in upload:
                room -= len(chunk)
                if room < 0:
                    raise ClipperError(
                        ErrorCode.TOO_LARGE,
                        f"The bundle archive has more than {self._max_upload_bytes} bytes; "
                        "raise management.admin.max_bundle_bytes if it has to be so large",
                    )
                buffer += chunk
                if len(buffer) >= _WRITE_BYTES:
                    await asyncio.to_thread(file.write, bytes(buffer))
                    buffer.clear()
            await asyncio.to_thread(file.write, bytes(buffer))

    def _keep(self, received: Bundle) -> Bundle:
        folder = self._folder / received.digest
        if not folder.exists():
            _make_durable(received.folder)
            received.folder.rename(folder)
            _sync(self._folder)
        return Bundle(received.digest, folder, received.manifest)

    def _delete_except(self, keep: set[str]) -> None:
        for each in self._folder.iterdir():
            if each.name not in keep and not each.name.startswith(_INCOMING):
                shutil.rmtree(each, ignore_errors=True)


def _unpack(work: Path) -> Bundle:
    folder = work / "bundle"
    with (work / "archive.tar.gz").open("rb") as archive:
        unpack(archive, folder)
    return Bundle(digest(folder), folder, read_manifest(folder))


def _make_durable(folder: Path) -> None:
    """The registry's promise that a version exists is durable, so its files have to be."""
    for _, path in bundle_files(folder):
        _sync(path)
    for path in [folder, *(each for each in folder.rglob("*") if each.is_dir())]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
