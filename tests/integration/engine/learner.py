"""A second frontend's feedback: `python -m tests.integration.engine.learner FOLDER UPDATES`."""

import asyncio
import sys
from pathlib import Path

from clipper.engine.states import States
from clipper.selection.policy import State
from clipper.store import LmdbStore, Store

CONTEXTS = (None, "user-7")


def seen(state: State, name: str) -> State:
    """One update more by `name`."""
    return {**state, name: state.get(name, 0) + 1}


async def learn(store: Store, name: str, updates: int) -> None:
    """Update each context that often, many at a time; each has been acknowledged on return."""
    states = States("app", {}, store)

    async def observe(context: str | None) -> None:
        await states.update(context, lambda state: seen(state, name))

    await asyncio.gather(*(observe(context) for _ in range(updates) for context in CONTEXTS))


if __name__ == "__main__":
    with LmdbStore.open(Path(sys.argv[1])) as opened:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        asyncio.run(learn(opened, "elsewhere", int(sys.argv[2])))
