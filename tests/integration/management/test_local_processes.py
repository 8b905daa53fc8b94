"""Real processes: named, watched and stopped without ever hitting a stranger, on both event loops."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import uvloop

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.launchers import LaunchSpec, LocalLauncher
from clipper.management.launchers.priority import BACKGROUND_NICE, MAX_NICE, may_raise, set_background
from clipper.management.launchers.processes import LocalProcess, start, started_ticks

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
DEADLINE_S = 20.0

SLEEP = "import time; time.sleep(60)"
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""

Test = Callable[[], Awaitable[None]]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Test], None]:
    """Runs an asynchronous test on one of the loops."""

    def on_loop(test: Test) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(DEADLINE_S):
                await test()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded())

    return on_loop


def python(program: str, folder: Path) -> LocalProcess:
    return start([sys.executable, "-c", program], dict(os.environ), folder, folder / "log")


async def first_line(log: Path) -> str:
    while "\n" not in (text := log.read_text()):  # noqa: ASYNC110, ASYNC240 - written by another process
        await asyncio.sleep(0.01)
    return text.splitlines()[0]


async def until_dead(pid: int) -> None:
    while started_ticks(pid) is not None:  # noqa: ASYNC110 - not our child, so there is nothing to be told by
        await asyncio.sleep(0.01)


def test_start_time_names_this_process_and_no_other() -> None:
    ticks = started_ticks(os.getpid())
    assert ticks is not None
    assert ticks > 0
    assert started_ticks(2**22 + 1) is None


def test_zombie_counts_as_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert started_ticks(child.pid) is None


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("raise SystemExit(4)", "exit code 4"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
    ],
)
def test_end_is_told(run: Callable[[Test], None], tmp_path: Path, program: str, how: str) -> None:
    async def test() -> None:
        try:
            assert await python(f"import time; time.sleep(0.05); {program}", tmp_path).wait() == how
        except ClipperError as error:
            raise AssertionError("it ended before it could be watched") from error

    run(test)


def test_output_is_appended_to_the_log(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "log").write_text("earlier\n")
        await python("import sys, time; print('out'); print('err', file=sys.stderr); time.sleep(0.05)", tmp_path).wait()
        assert sorted((tmp_path / "log").read_text().splitlines()) == ["earlier", "err", "out"]

    run(test)


def test_stop_asks_first(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        program = (
            "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print(1, flush=True); time.sleep(60)"
        )
        process = python(program, tmp_path)
        await first_line(tmp_path / "log")
        await process.stop(DEADLINE_S)
        assert await process.wait() == "exit code 7"
        await process.stop(0.0)  # again is no error

    run(test)


def test_stubborn_process_is_killed_with_all_it_has_started(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        process = python(STUBBORN, tmp_path)
        grandchild = int(await first_line(tmp_path / "log"))
        await process.stop(0.05)
        assert await process.wait() == "signal SIGKILL"
        await until_dead(grandchild)

    run(test)


def test_what_a_crashed_process_has_started_ends_with_it(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        process = python(STUBBORN, tmp_path)
        grandchild = int(await first_line(tmp_path / "log"))
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        await until_dead(grandchild)

    run(test)


class Nice(NamedTuple):
    """Of a process, and of its session beside others; None where the system or the session has no such thing."""

    own: int
    session: int | None


def nice_of(pid: int) -> Nice:
    autogroup = Path(f"/proc/{pid}/autogroup")
    words = autogroup.read_text().split() if autogroup.exists() else []  # none in what the kernel itself began
    return Nice(os.getpriority(os.PRIO_PROCESS, pid), int(words[-1]) if words else None)


def lowered(usual: Nice) -> Nice:
    own = min(usual.own + BACKGROUND_NICE, MAX_NICE) if may_raise() else usual.own
    return Nice(own, None if usual.session is None else BACKGROUND_NICE)


def test_process_yields_to_others_and_gets_as_much_again_with_all_it_has_started(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    async def test() -> None:
        process = python(STUBBORN, tmp_path)
        usual = nice_of(process.pid)
        await process.set_background(True)
        assert nice_of(process.pid) == lowered(usual)
        child = int(await first_line(tmp_path / "log"))
        assert nice_of(child) == lowered(usual)
        for _ in range(2):
            await process.set_background(False)
            assert nice_of(process.pid) == nice_of(child) == usual
        await process.stop(0.05)
        await process.set_background(False)  # of one that has ended is no error

    run(test)


def test_process_ends_in_the_background(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        process = python(STUBBORN, tmp_path)
        usual = nice_of(process.pid)
        await first_line(tmp_path / "log")
        stopping = asyncio.create_task(process.stop(0.2))
        await asyncio.sleep(0.05)
        assert nice_of(process.pid) == lowered(usual)
        await stopping

    run(test)


def test_process_that_leads_no_session_is_left_as_it_is() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as other:
        usual = nice_of(other.pid)
        assert set_background(other.pid, background=True)
        assert nice_of(other.pid) == usual
        other.kill()


UNPRIVILEGED = """
import os, resource, subprocess, time
resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
from clipper.management.launchers.priority import may_raise, set_background
assert not may_raise()
quiet = subprocess.DEVNULL
child = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True, stdout=quiet, stderr=quiet)
for background, session in ((True, "nice 10"), (False, "nice 0")):
    while not set_background(child.pid, background):
        time.sleep(0.02)
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == os.getpriority(os.PRIO_PROCESS, 0)
    place = f"/proc/{child.pid}/autogroup"
    assert not os.path.exists(place) or open(place).read().strip().endswith(session)
child.kill()
child.wait()
"""


def test_who_cannot_raise_a_nice_value_lowers_none_that_stays(tmp_path: Path) -> None:
    imported = "import clipper.management.launchers.priority\n"  # while its files can be read
    command = [sys.executable, "-c", imported + UNPRIVILEGED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_process_of_another_is_found_watched_and_stopped(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        with subprocess.Popen([sys.executable, "-c", SLEEP]) as other:  # noqa: ASYNC220 - it is to be a stranger
            ticks = started_ticks(other.pid)
            assert ticks is not None
            found = LocalLauncher({}, tmp_path).find(other.pid, ticks)
            assert found is not None
            await found.stop(DEADLINE_S)
            assert await found.wait() == "an end we did not see"

    run(test)


def test_process_with_the_same_id_but_another_start_is_not_found(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        ticks = started_ticks(os.getpid())
        assert ticks is not None
        launcher = LocalLauncher({}, tmp_path)
        assert launcher.find(os.getpid(), ticks + 1) is None
        assert launcher.find(2**22 + 1, ticks) is None

    run(test)


def test_impossible_start_is_a_clear_error(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test() -> None:
        with pytest.raises(ClipperError, match="Cannot start /nowhere/python") as caught:
            start(["/nowhere/python"], {}, tmp_path, tmp_path / "log")
        assert caught.value.code is ErrorCode.UNAVAILABLE

    run(test)


@pytest.mark.parametrize("isolated", [False, True])
def test_container_gets_one_thread_its_token_and_nothing_of_the_server(
    run: Callable[[Test], None], tmp_path: Path, isolated: bool
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/bin/sh\necho "arguments $*"\nenv\nsleep 0.05\n')
    interpreter.chmod(0o700)
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": "/server", "PYTHONDONTWRITEBYTECODE": "1", "PIP_CERT": "c"}
    spec = LaunchSpec(
        model="m",
        version="1",
        replica_id=0,
        bundle=Path("/bundle"),
        python=interpreter,
        isolated=isolated,
        address="unix:/socket",
        token="5" * 64,
        log=tmp_path / "log",
    )

    async def test() -> None:
        await (await LocalLauncher(inherited, tmp_path).launch(spec)).wait()

    run(test)
    arguments, *variables = spec.log.read_text().splitlines()
    assert arguments == "arguments -P -m clipper.container --bundle /bundle --listen unix:/socket --model m --version 1"
    environment = dict(each.split("=", 1) for each in variables)
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert environment["DO_NOT_TRACK"] == "true"
    assert environment["CLIPPER_CONTAINER_TOKEN"] == spec.token
    assert environment["PIP_CERT"] == "c"
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert ("PYTHONPATH" in environment) is not isolated
