"""A second frontend's feedback: `python -m tests.integration.engine.learner FOLDER UPDATES`."""

import asyncio
import sys
from pathlib import Path

from clipper.engine.states import States
from clipper.selection.policy import State
from clipper.store import LmdbStore, Store
from tests.unit.engine.changes import update

CONTEXTS = ("user-7", "user-8")


class Nothing:
    """A policy whose new contexts begin with nothing."""

    def start(self, population: State) -> State:
        return {}


def seen(state: State, name: str) -> State:
    """One update more by `name`."""
    return {**state, name: state.get(name, 0) + 1}


async def learn(store: Store, name: str, updates: int) -> None:
    """Update each context that often, many at a time; each has been acknowledged on return."""
    states = States("app", {}, Nothing(), store)
    await asyncio.gather(
        *(update(states, c, lambda state: seen(state, name)) for _ in range(updates) for c in CONTEXTS)
    )


if __name__ == "__main__":
    with LmdbStore.open(Path(sys.argv[1])) as opened:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        asyncio.run(learn(opened, "elsewhere", int(sys.argv[2])))
