"""The conformance driver: our own container keeps to the protocol, and so do those in other languages."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

CONTAINERS = Path(__file__).parents[3] / "containers"
LEGACY = CONTAINERS / "python-legacy"

TIMEOUT_S = 110.0


def conformance(*command: str) -> subprocess.CompletedProcess[str]:
    """The driver, run on `command` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "clipper.container.conformance", "--", *command],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def oldest_python() -> str:
    """The oldest Python from 3.6 on that a version manager has put in its usual place, else that of the tests."""
    installed = sorted(Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python"))
    return str(installed[0]) if installed else sys.executable


def ours(_: Path) -> list[str]:
    return [sys.executable, "-m", "clipper.container"]


def cpp(folder: Path) -> list[str]:
    program = folder / "conformance"
    subprocess.run(["make", "-C", str(CONTAINERS / "cpp"), f"BUILD={folder}", str(program)], check=True)
    return [str(program)]


def java(folder: Path) -> list[str]:
    subprocess.run(["make", "-C", str(CONTAINERS / "java"), f"BUILD={folder}"], check=True)
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", str(folder), "Conformance"]


def legacy(_: Path) -> list[str]:
    return [oldest_python(), str(LEGACY / "clipper_container.py"), str(LEGACY / "examples" / "conformance.py")]


NOT_OFFERED = {ours: 0, cpp: 0, java: 3, legacy: 0}
"""Containers that keep to the protocol, and how many checks are of what they do not offer: Java has no arena."""


@pytest.mark.timeout(2 * TIMEOUT_S)
def test_containers_keep_to_the_protocol(tmp_path: Path) -> None:
    commands = []
    for container in NOT_OFFERED:
        folder = tmp_path / container.__name__
        folder.mkdir()
        commands.append(container(folder))
    with ThreadPoolExecutor(2) as pool:  # most of what the driver does is waiting for what must not come
        runs = list(pool.map(lambda command: conformance(*command), commands))
    for done, command, not_offered in zip(runs, commands, NOT_OFFERED.values(), strict=True):
        assert done.returncode == 0, f"{command}: {done.stdout + done.stderr}"
        assert f"0 failed, {not_offered} not offered" in done.stdout, command


def test_program_that_is_no_container_fails_every_check() -> None:
    done = conformance("false")
    assert done.returncode == 1
    assert "ended with code 1 before it listened" in done.stdout
    assert "✓ The right token" not in done.stdout


CARELESS = {
    "A wrong token is refused": ("not hmac.compare_digest(token, self._token[:32].encode())", "False"),
    "A PREDICT whose lengths do not add up": ("elif needed != len(rows):", "elif needed > len(rows):"),
    "NaN and infinities fail alone": ("allow_nan=False", "allow_nan=True"),
    "A failure has its own message": (
        "[self.predict(item)[0] for item in batch.single_items()]",
        "[Failure('no')] * batch.size",
    ),
    "Probes are answered under their ids": ("frame(PONG, number)", "frame(PONG)"),
    "Rows outside, unaligned": ("if offset % 8 or offset + needed > len(arena):", "if False:"),
    "Memory that may shrink is not taken": ("if sealed and 0 < size", "if 0 < size"),
    "SIGTERM: GOODBYE to all": ("self._stopping = True", "os._exit(1)"),
}
"""What a container may get wrong: the check that finds it, and how to make the mistake."""


def test_what_a_careless_container_gets_wrong_is_found(tmp_path: Path) -> None:
    source = (LEGACY / "clipper_container.py").read_text()
    for right, wrong in CARELESS.values():
        assert source.count(right) == 1, right
        source = source.replace(right, wrong)
    careless = tmp_path / "careless.py"
    careless.write_text(source)
    done = conformance(sys.executable, str(careless), str(LEGACY / "examples" / "conformance.py"))
    assert done.returncode == 1
    assert [name for name in CARELESS if f"✗ {name}" not in done.stdout] == []
    assert "✓ The golden batches" in done.stdout
