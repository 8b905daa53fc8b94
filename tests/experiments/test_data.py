"""Data sets are fetched where their owners offer them, and only if they are what was expected."""

import gzip
import hashlib
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.environment import Unavailable
from experiments.lib.data import ALL, Data, DataSet, checksum

CONTENT = b"userId,movieId\n1,2\n"


@pytest.fixture
def offered(tmp_path: Path) -> Iterator[DataSet]:
    """A data set that a server of ours offers as a member of an archive."""
    folder = tmp_path / "served"
    folder.mkdir()
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("all/ratings.csv", CONTENT)

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/all.zip"
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    yield DataSet("ratings", "deep/ratings.csv.gz", sha256, "its owners", "free", url, "all/ratings.csv")
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_missing_is_fetched_once_and_packed(offered: DataSet, tmp_path: Path) -> None:
    data = Data(tmp_path / "data")
    path = data.path(offered)
    assert gzip.decompress(path.read_bytes()) == CONTENT
    assert checksum(path) == offered.sha256
    assert data.path(replace(offered, url="http://127.0.0.1:1/")) == path


def test_what_is_not_as_expected_is_refused_and_not_kept(offered: DataSet, tmp_path: Path) -> None:
    data = Data(tmp_path / "data")
    for wrong in (
        replace(offered, sha256="0" * 64),
        replace(offered, member="nothing"),
        replace(offered, url="http://127.0.0.1:1/"),
    ):
        with pytest.raises(Unavailable, match=r"is not what was expected|cannot be fetched"):
            data.path(wrong)
        assert not data.has(wrong)


def test_what_nobody_offers_is_named_with_its_source() -> None:
    with pytest.raises(Unavailable, match=r"mnist.npz.*openml"):
        Data(None).path(ALL[0])


def test_every_data_set_has_a_source_and_a_licence() -> None:
    assert all(len(each.sha256) == 64 and each.source and each.licence for each in ALL)
    assert len({each.file for each in ALL}) == len(ALL)
