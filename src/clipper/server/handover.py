"""What the root process hands over to its children: settings in a file, and the order to end with it."""

import ctypes
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from clipper.management import HomeFolder
from clipper.settings import ServeSettings, as_path

SETTINGS_FILE = "settings.json"

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a child has from the root."""

    settings: ServeSettings
    home: HomeFolder
    listener: socket.socket
    index: int


def save_settings(settings: ServeSettings, home: HomeFolder) -> None:
    """Keep the resolved settings where children, also restarted ones, find them."""
    (home.run / SETTINGS_FILE).write_bytes(msgspec.json.encode(settings, enc_hook=str))


def private_sockets(settings: ServeSettings, home: HomeFolder) -> list[Path]:
    """The private unix socket of each frontend, by index."""
    return [home.run / f"query-{index}.sock" for index in range(settings.frontends)]


def inherit(arguments: list[str]) -> Inheritance:
    """From a child's command line: home, listening descriptor, index, the root's pid."""
    folder, descriptor, index, root = arguments
    _end_with(int(root))
    home = HomeFolder(Path(folder))
    settings = msgspec.json.decode((home.run / SETTINGS_FILE).read_bytes(), type=ServeSettings, dec_hook=as_path)
    return Inheritance(settings, home, socket.socket(fileno=int(descriptor)), int(index))


def _end_with(root: int) -> None:
    """Drain and end if the root process is killed: nobody would restart us, and its ports must become free."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != root:
        sys.exit("The server's root process has ended")
