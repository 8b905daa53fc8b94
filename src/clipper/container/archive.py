"""A bundle on its way: one tar.gz stream, packed by the client and unpacked by the controller.

What arrives is not trusted to stay inside its folder or to be of the size it should be: only plain files and folders
come out, under limits that have names.
"""

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from clipper.container.bundle import bundle_files, check_path
from clipper.core.errors import ClipperError, ErrorCode, invalid

MAX_UNPACKED_BYTES = 4 * 1024 * 1024 * 1024
"""All files of a bundle together: the weights of a model of two billion 16-bit parameters."""

MAX_FILES = 10_000
"""Files and folders of a bundle: a saved model has tens, a code folder hundreds."""

_MAX_READ_BYTES = 1024 * 1024
"""What `tarfile` may ask for at once: it reads a long name or a header in one piece, however long it claims to be."""

_CHUNK_BYTES = 256 * 1024
_COMPRESSION = 1
"""Weights hardly compress; the fastest level does the little there is to do."""


def pack(folder: Path, target: BinaryIO) -> None:
    """Write the bundle in `folder` to `target`. The same bundle always gives the same bytes."""
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0, compresslevel=_COMPRESSION) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in bundle_files(folder):
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            with path.open("rb") as stream:
                archive.addfile(member, stream)


def unpack(source: BinaryIO, folder: Path, *, max_bytes: int = MAX_UNPACKED_BYTES, max_files: int = MAX_FILES) -> None:
    """Make `folder`, which must not exist, from the tar.gz in `source`. Blocks; on failure `folder` is gone again.

    Raises INVALID_ARGUMENT for what is not a tar.gz of plain files and folders below one folder, TOO_LARGE past the
    limits. The manifest is not looked at: see `read_manifest`.
    """
    folder.mkdir(parents=True)
    try:
        with gzip.GzipFile(fileobj=source, mode="rb") as decompressed:
            _unpack(_BoundedReader(decompressed, max_bytes), folder, max_bytes, max_files)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        shutil.rmtree(folder)
        raise invalid(f"The model bundle is not a whole tar.gz archive: {error}") from None
    except BaseException:
        shutil.rmtree(folder)
        raise


def _unpack(reader: "_BoundedReader", folder: Path, max_bytes: int, max_files: int) -> None:
    room = max_bytes
    with tarfile.open(fileobj=reader, mode="r:") as archive:
        for count, member in enumerate(archive, start=1):
            if count > max_files:
                raise _too_large(f"more than {max_files} files")
            if not 0 <= member.size <= room:
                raise _too_large(f"more than {max_bytes} bytes of files")
            room -= member.size
            try:
                _unpack_member(archive, member, folder)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise invalid(f"The model bundle holds {member.name[:80]!r} twice") from None
    while reader.read(_MAX_READ_BYTES):  # to the end, where the checksum is
        pass


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    if member.isdir() and member.name == ".":
        return  # what `tar -C bundle .` begins with
    target = folder / check_path(member.name)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
    elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and (content := archive.extractfile(member)):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            shutil.copyfileobj(content, stream, _CHUNK_BYTES)
    else:
        raise invalid(f"The model bundle holds {member.name[:80]!r}, which is neither a file nor a folder")


class _BoundedReader(io.RawIOBase):
    """What `tarfile` reads through: ends a bundle whose headers alone would fill the memory or never end."""

    def __init__(self, stream: gzip.GzipFile, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = 2 * max_bytes + _MAX_READ_BYTES  # headers and padding may double a bundle of small files

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_READ_BYTES:
            raise _too_large(f"a header of more than {_MAX_READ_BYTES} bytes")
        data = self._stream.read(size)
        self._check(self._stream.tell())
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check(offset)
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def _check(self, position: int) -> None:
        if position > self._max_bytes:
            raise _too_large(f"more than {self._max_bytes} bytes unpacked")


def _too_large(what: str) -> ClipperError:
    return ClipperError(ErrorCode.TOO_LARGE, f"The model bundle is too large: it holds {what}")
