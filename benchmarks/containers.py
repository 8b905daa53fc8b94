"""What containers in several languages add to a model that does nothing: `python -m benchmarks.containers`.

Round trips of a batch over a unix socket, without an arena, with one and with two batches in flight; in turns, so that
what else the machine does concerns all alike. A language whose compiler is missing is left out.
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from benchmarks.container import SHAPES, batch_of, round_trips_us
from clipper.container.bundle import Manifest, write_bundle
from clipper.container.commands.process import running_container
from clipper.container.commands.program import container_arguments
from clipper.core.inputs import InputType
from clipper.wire.handshake import dialer_half
from clipper.wire.session import Role, Session

CONTAINERS = Path(__file__).parents[1] / "containers"
TOKEN = "0123456789abcdef" * 4
START_TIMEOUT_S = 60.0
BATCHES = 300
"""In one turn."""

LEGACY_MODEL = "import numpy\n\ndef load(bundle):\n    return lambda inputs: numpy.zeros(len(inputs), numpy.int64)\n"

Link = tuple[socket.socket, Session]


def nothing(inputs: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.zeros(len(inputs), np.int64)


def write_model(folder: Path) -> None:
    """The bundle for Python's containers; the others need none."""
    manifest = Manifest(framework="python", entry="function.pkl", input_type=InputType.DOUBLES)
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    write_bundle(folder, manifest, {"function.pkl": cloudpickle.dumps(nothing), "model.py": LEGACY_MODEL.encode()})


def commands(folder: Path) -> dict[str, list[str]]:
    """How a container of each language is started; C++ and Java are compiled into `folder`."""
    legacy = str(CONTAINERS / "python-legacy" / "clipper_container.py")
    found = {
        "Python": [sys.executable, "-P", "-m", "clipper.container"],
        "Python, old": [sys.executable, legacy, "model.py"],
    }
    if shutil.which("g++"):
        subprocess.run(["make", "-s", "-C", CONTAINERS / "cpp", f"BUILD={folder}", f"{folder}/nothing"], check=True)
        found["C++"] = [f"{folder}/nothing"]
    if shutil.which("javac"):
        subprocess.run(["make", "-s", "-C", CONTAINERS / "java", f"BUILD={folder}/java"], check=True)
        found["Java"] = ["java", "-XX:+UseSerialGC", "-cp", f"{folder}/java", "Nothing"]
    return found


@contextmanager
def linked(command: list[str], bundle: Path, folder: Path) -> Iterator[Link]:
    """A link to a container started for it."""
    address = f"unix:{folder / 'socket'}"
    full = [*command, *container_arguments(bundle, address, "nothing", "1")]
    with (
        running_container(full, bundle, address, TOKEN, folder / "log") as process,
        process.dial(START_TIMEOUT_S) as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
        session = Session(Role.DIALER)
        connection.sendall(session.send_hello(dialer_half(TOKEN), "benchmark"))
        session.receive(connection.recv(1 << 16))
        yield connection, session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help="of each container and size (default %(default)s)")
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        write_model(folder / "bundle")
        links: dict[str, Link] = {}
        for number, (name, command) in enumerate(commands(folder).items()):
            (folder / str(number)).mkdir()
            links[name] = stack.enter_context(linked(command, folder / "bundle", folder / str(number)))
        print(f"us a batch, median of {turns} turns of {BATCHES}      {''.join(f'{name:>14s}' for name in links)}")
        for size, width in SHAPES:
            inputs = batch_of(size, width)
            for depth in (1, 2):
                times: defaultdict[str, list[float]] = defaultdict(list)
                for _ in range(turns):
                    for name, link in links.items():
                        times[name].append(round_trips_us(link, inputs, depth, BATCHES))
                row = "".join(f"{median(times[name]):14.1f}" for name in links)
                print(f"  {f'{size} x {width} doubles, {depth} in flight':40s}{row}")


if __name__ == "__main__":
    main()
