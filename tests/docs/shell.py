"""Runs the documentation's commands: a real shell on a real server, in a folder of its own."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import msgspec

from clipper.client import ClipperError, connect

START_TIMEOUT_S = 60.0
CURL = Path(__file__).with_name("curl.py")


@dataclass(frozen=True)
class Shell:
    """Where commands run. `folder` is home and current folder; the server's home is `.clipper` in it."""

    folder: Path
    query: str
    admin: str

    def run(self, command: str) -> str:
        """What a command prints; fails if it fails."""
        done = subprocess.run(
            ["bash", "-c", self._here(command)],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def plain(self, answer: str) -> str:
        """An answer without what differs from run to run: ids, processes, places."""
        answer = answer.strip().replace(str(self.folder / ".clipper"), "~/.clipper")
        answer = re.sub(r'"(query_id|pid)":\d+', r'"\1":0', answer)
        return re.sub(r'"address":"[^"]*"', '"address":"unix:"', answer)

    def _here(self, command: str) -> str:
        here = command.replace("127.0.0.1:1337", self.query).replace("127.0.0.1:1338", self.admin)
        return here.replace('"python": "3.11"', f'"python": "{".".join(platform.python_version_tuple()[:2])}"')

    def _environment(self) -> dict[str, str]:
        home = self.folder / ".clipper"
        token = (home / "token").read_text().strip()
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**os.environ, "HOME": str(self.folder), "CLIPPER_HOME": str(home), "TOKEN": token, "PATH": path}


@contextmanager
def shell_on_a_server(folder: Path) -> Iterator[Shell]:
    """A server on free ports, and a shell that finds it; both end with the block."""
    curl = folder / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{CURL}" "$@"\n')
    curl.chmod(0o755)
    home = folder / ".clipper"
    command = [sys.executable, "-m", "clipper", "serve", "--home", str(home), "--query-port", "0", "--admin-port", "0"]
    with subprocess.Popen([*command, "--stop-on-stdin-close"], stdin=subprocess.PIPE) as server:
        try:
            yield Shell(folder, *_addresses(home, server))
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait(30)


def _addresses(home: Path, server: "subprocess.Popen[bytes]") -> tuple[str, str]:
    deadline = monotonic() + START_TIMEOUT_S
    while monotonic() < deadline and server.poll() is None:
        try:
            with connect(home) as clipper:
                clipper.get_query_addr()
            server_file = msgspec.json.decode((home / "run" / "server.json").read_bytes())
            return f"127.0.0.1:{server_file['query_port']}", f"127.0.0.1:{server_file['admin_port']}"
        except ClipperError:
            sleep(0.05)
    raise AssertionError("the server did not start")


def code_blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """(mark, language, text) of every fenced block; the mark is what a comment `<!-- run: mark -->` above it says."""
    pattern = r"(?:<!-- run: ([\w.]+) -->\n)?^```(\w*)\n(.*?)^```"
    for match in re.finditer(pattern, page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL):
        yield match[1] or "", match[2], match[3]
