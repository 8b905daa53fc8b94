import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from clipper.container.archive import pack, unpack
from clipper.container.bundle import Manifest, digest, write_bundle
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType

MANIFEST = Manifest(framework="python", entry="function.pkl", input_type=InputType.DOUBLES)


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    """A tar.gz of exactly these members, whatever they claim."""
    plain = b"".join(info.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512) for info, content in members)
    return io.BytesIO(gzip.compress(plain + bytes(1024)))


def refused(source: io.BytesIO, folder: Path, **limits: int) -> ClipperError:
    """The error with which `unpack` refuses; nothing is left in or beside `folder`."""
    with pytest.raises(ClipperError) as caught:
        unpack(source, folder / "unpacked", **limits)
    assert list(folder.iterdir()) == []
    return caught.value


def test_bundle_travels_unchanged_and_packs_to_the_same_bytes(tmp_path: Path) -> None:
    files: dict[str, bytes | Path] = {"function.pkl": b"x" * 100_000, "deep/er/ü": b"", "n" * 200: b"long"}
    write_bundle(tmp_path / "a", MANIFEST, files)
    first, second = io.BytesIO(), io.BytesIO()
    pack(tmp_path / "a", first)
    unpack(io.BytesIO(first.getvalue()), tmp_path / "b")
    pack(tmp_path / "b", second)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert first.getvalue() == second.getvalue()


def test_links_are_not_packed(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a", MANIFEST, {"function.pkl": b"x"})
    before = digest(tmp_path / "a")
    (tmp_path / "a" / "link").symlink_to("/etc/hostname")
    packed = io.BytesIO()
    pack(tmp_path / "a", packed)
    unpack(io.BytesIO(packed.getvalue()), tmp_path / "b")
    assert digest(tmp_path / "b") == before


def test_archive_made_by_hand_is_accepted(tmp_path: Path) -> None:
    source = archive(member(".", type=tarfile.DIRTYPE), member("./d", type=tarfile.DIRTYPE), member("./d/f", b"hi"))
    unpack(source, tmp_path / "a")
    assert (tmp_path / "a" / "d" / "f").read_bytes() == b"hi"


def test_mode_and_owner_of_the_sender_are_not_taken_over(tmp_path: Path) -> None:
    unpack(archive(member("f", b"hi", mode=0o6777, uid=0)), tmp_path / "a")
    assert (tmp_path / "a" / "f").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    "bad",
    [
        member("/etc/passwd", b"x"),
        member("../x", b"x"),
        member("a/../../x", b"x"),
        member("a\\..\\x", b"x"),
        member("x" * 300, b"x"),
        member("..", type=tarfile.DIRTYPE),
        member("s", type=tarfile.SYMTYPE, linkname="/etc"),
        member("h", type=tarfile.LNKTYPE, linkname="function.pkl"),
        member("c", type=tarfile.CHRTYPE),
        member("b", type=tarfile.BLKTYPE),
        member("p", type=tarfile.FIFOTYPE),
        member("f", b"again"),
        member("f", type=tarfile.DIRTYPE),
        member("f/below", b"x"),
    ],
    ids=lambda each: f"{each[0].name[:20]}-{each[0].type!r}",
)
def test_member_that_is_not_a_plain_file_in_its_place_is_refused(
    bad: tuple[tarfile.TarInfo, bytes], tmp_path: Path
) -> None:
    assert refused(archive(member("f", b"1"), bad), tmp_path).code is ErrorCode.INVALID_ARGUMENT


def test_file_written_through_a_link_is_impossible(tmp_path: Path) -> None:
    link = member("d", type=tarfile.SYMTYPE, linkname=str(tmp_path))
    refused(archive(link, member("d/escaped", b"x")), tmp_path)


def whole() -> bytes:
    return archive(member("f", b"0123456789" * 1000)).getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda packed: b"",
        lambda packed: b"not an archive at all",
        lambda packed: packed[: len(packed) // 2],
        lambda packed: packed[:-9],
        lambda packed: gzip.compress(b"not a tar " * 100),
        lambda packed: gzip.compress(gzip.decompress(packed)[:700]),
        lambda packed: packed[:30] + b"\xff\xff\xff" + packed[33:],
    ],
)
def test_damaged_archive_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    assert refused(io.BytesIO(damage(whole())), tmp_path).code is ErrorCode.INVALID_ARGUMENT


def test_more_files_than_the_limit_are_refused(tmp_path: Path) -> None:
    source = archive(*[member(f"f{number}") for number in range(11)])
    error = refused(source, tmp_path, max_files=10)
    assert error.code is ErrorCode.TOO_LARGE
    assert "more than 10 files" in error.message


def test_more_bytes_than_the_limit_are_refused_before_they_are_written(tmp_path: Path) -> None:
    error = refused(archive(member("a", bytes(600)), member("b", bytes(600))), tmp_path, max_bytes=1000)
    assert error.code is ErrorCode.TOO_LARGE
    assert "more than 1000 bytes" in error.message


@pytest.mark.parametrize("size", [10**15, 8 * 10**9])
def test_claimed_size_is_checked_before_it_is_believed(size: int, tmp_path: Path) -> None:
    info, _ = member("a")
    info.size = size
    assert refused(archive((info, b"")), tmp_path).code is ErrorCode.TOO_LARGE


def test_bomb_in_a_header_is_refused(tmp_path: Path) -> None:
    """A long name of 100 MB: `tarfile` would read it in one piece."""
    info, content = member("././@LongLink", bytes(100_000_000), type=tarfile.GNUTYPE_LONGNAME)
    error = refused(archive((info, content), member("f", b"x")), tmp_path)
    assert error.code is ErrorCode.TOO_LARGE


def test_folder_that_exists_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(FileExistsError):
        unpack(io.BytesIO(whole()), tmp_path)
    assert (tmp_path / "mine").read_text() == "keep"
