"""Selection states on a real store that other frontends change too: none is lost, until its application is deleted."""

import asyncio
import subprocess
import sys
from pathlib import Path

from clipper.engine.cells import STATES_PREFIX
from clipper.engine.states import DELETED_AT_ONCE, States, delete_states
from clipper.store import LmdbStore, Transaction
from tests.integration.engine.learner import CONTEXTS, Nothing, learn
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
        states = States("app", {}, Nothing(), store)
        everything = {"first": UPDATES, "second": UPDATES, "elsewhere": UPDATES}
        assert [states.current(context) for context in CONTEXTS] == [everything] * len(CONTEXTS)
        assert states.current(None) == {name: len(CONTEXTS) * count for name, count in everything.items()}


def test_states_of_a_deleted_application_are_gone_and_no_others(tmp_path: Path) -> None:
    count = 2 * DELETED_AT_ONCE + 1

    async def scenario(store: LmdbStore) -> None:
        many = {b"%sapp/=%d" % (STATES_PREFIX, number): b"{}" for number in range(count)}
        kept = {STATES_PREFIX + b"app-2/": b"{}", STATES_PREFIX + b"ap/=p/": b"{}", b"registry/app": b""}
        await asyncio.wrap_future(store.commit(Transaction(put=many | kept)))
        await learn(store, "first", 1)
        served = States("app", {}, Nothing(), store)
        assert served.current(None) == {"first": 2}
        watch = store.watch(STATES_PREFIX)
        await delete_states(store, "app")
        assert dict(store.scan(b"")) == kept
        assert watch.changed()
        served.refresh()
        assert [served.current(context) for context in (None, *CONTEXTS[:1], "0")] == [{}, {}, {}]
        await delete_states(store, "app")

    with LmdbStore.open(tmp_path) as store:
        run(scenario(store))
