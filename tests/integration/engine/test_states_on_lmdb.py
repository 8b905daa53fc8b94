"""Selection states on a real store that other frontends change too: no acknowledged update is ever lost."""

import asyncio
import subprocess
import sys
from pathlib import Path

from clipper.engine.states import States
from clipper.store import LmdbStore
from tests.integration.engine.learner import CONTEXTS, learn
from tests.virtual_time import run

ROOT = Path(__file__).parents[3]

UPDATES = 300
TIMEOUT_S = 60.0


def test_updates_of_three_frontends_in_two_processes_all_count(tmp_path: Path) -> None:
    async def learn_twice(store: LmdbStore) -> None:
        await asyncio.gather(learn(store, "first", UPDATES), learn(store, "second", UPDATES))

    command = [sys.executable, "-m", "tests.integration.engine.learner", str(tmp_path), str(UPDATES)]
    with LmdbStore.open(tmp_path) as store:
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as elsewhere:
            try:
                assert elsewhere.stdout is not None
                assert elsewhere.stdout.readline() == b"ready\n"
                run(learn_twice(store))
                assert elsewhere.wait(TIMEOUT_S) == 0
            finally:
                elsewhere.kill()
        states = States("app", {}, store)
        everything = {"first": UPDATES, "second": UPDATES, "elsewhere": UPDATES}
        assert [states.current(context) for context in CONTEXTS] == [everything] * len(CONTEXTS)
