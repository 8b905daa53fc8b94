"""The conformance driver: our own container keeps to the protocol, and so do those in other languages."""

import subprocess
import sys
from pathlib import Path

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


def assert_conforms(*command: str, not_offered: int = 0) -> None:
    done = conformance(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"0 failed, {not_offered} not offered" in done.stdout


def oldest_python() -> str:
    """The oldest Python from 3.6 on that a version manager has put in its usual place, else that of the tests."""
    installed = sorted(Path.home().glob(".pyenv/versions/3.[6-9].*/bin/python"))
    return str(installed[0]) if installed else sys.executable


def test_our_own_container_keeps_to_the_protocol() -> None:
    assert_conforms(sys.executable, "-m", "clipper.container")


def test_container_in_cpp_keeps_to_the_protocol(tmp_path: Path) -> None:
    program = tmp_path / "conformance"
    subprocess.run(["make", "-C", str(CONTAINERS / "cpp"), f"BUILD={tmp_path}", str(program)], check=True)
    assert_conforms(str(program))


def test_container_in_java_keeps_to_the_protocol_without_an_arena(tmp_path: Path) -> None:
    subprocess.run(["make", "-C", str(CONTAINERS / "java"), f"BUILD={tmp_path}"], check=True)
    flags = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    assert_conforms("java", *flags, "-cp", str(tmp_path), "Conformance", not_offered=3)


def test_container_for_old_pythons_keeps_to_the_protocol() -> None:
    assert_conforms(oldest_python(), str(LEGACY / "clipper_container.py"), str(LEGACY / "examples" / "conformance.py"))


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
