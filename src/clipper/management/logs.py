"""The files that containers write their output to: where they are, how large they get, and how they end."""

import os
from contextlib import suppress
from pathlib import Path

from clipper.management.config import ArtifactConfig


class LogFiles:
    """The logs below one folder, `model/version/replica.log`, each with at most one older part, `….log.1`."""

    def __init__(self, folder: Path, config: ArtifactConfig) -> None:
        self._folder = folder
        self._config = config

    def path(self, model: str, version: str, replica_id: int) -> Path:
        """Where one replica's output goes; its folder is made."""
        folder = self._folder / model / version
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{replica_id}.log"

    def size(self, log: Path) -> int:
        """How long a log is now, in bytes."""
        with suppress(FileNotFoundError):
            return log.stat().st_size
        return 0

    def cut_if_large(self, log: Path) -> None:
        """Move a log's content to its older part if it is too large.

        It is copied and the file emptied, not renamed: the container goes on appending to the same open file.
        """
        if self.size(log) <= self._config.max_log_bytes:
            return
        log.with_suffix(".log.1").write_bytes(_tail(log, 0, self._config.max_log_bytes))
        os.truncate(log, 0)

    def cut_large(self) -> None:
        """Do so for every log there is."""
        for log in self._folder.glob("*/*/*.log"):
            with suppress(FileNotFoundError):  # deleted with its model meanwhile
                self.cut_if_large(log)

    def error_of(self, log: Path, start: int) -> str:
        """The end of what was written since the log was `start` bytes long: a crashed run's traceback."""
        return _text(_tail(log, start, self._config.max_error_bytes))

    def last_lines(self, model: str, version: str, replica_id: int, lines: int) -> str:
        """The last lines of one replica's output, empty if it has not written any."""
        log = self._folder / model / version / f"{replica_id}.log"
        text = _text(_tail(log.with_suffix(".log.1"), 0, self._config.max_log_bytes) + _tail(log, 0, self.size(log)))
        return "".join(text.splitlines(keepends=True)[-lines:])

    def replicas_of(self, model: str, version: str) -> list[int]:
        """The ids of the replicas that have a log, also of those that are gone."""
        return sorted(int(each.stem) for each in (self._folder / model / version).glob("*.log") if each.stem.isdigit())

    def delete(self, model: str, version: str) -> None:
        """Forget the logs of one model version."""
        for each in (self._folder / model / version).glob("*.log*"):
            each.unlink(missing_ok=True)
        for folder in (self._folder / model / version, self._folder / model):
            with suppress(OSError):  # another version's logs are still there, or there were none
                folder.rmdir()


def _tail(log: Path, start: int, limit_bytes: int) -> bytes:
    """At most `limit_bytes` from the end of a file, nothing of what stood before offset `start`."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if start > size:  # it was cut since
                start = 0
            file.seek(max(start, size - limit_bytes))
            return file.read(limit_bytes)
    except FileNotFoundError:
        return b""


def _text(content: bytes) -> str:
    return content.decode(errors="replace")
