"""Changes of a counting state that can be awaited, and a policy's start."""

import asyncio
from collections.abc import Callable

from clipper.core.errors import ClipperError
from clipper.engine.states import States
from clipper.selection.policy import State
from clipper.store import Store


class Begin:
    """A policy as far as states know one: a new context counts from 0, and knows what its population had counted."""

    def start(self, population: State) -> State:
        return {"n": 0, "population": population["n"]}


def counting(store: Store, name: str = "app", wall: Callable[[], float] = lambda: 1e9) -> States:
    """States that begin with nothing counted."""
    return States(name, {"n": 0}, Begin(), store, wall)


def plus_one(state: State) -> State:
    return {**state, "n": state["n"] + 1}


class Counted:
    """One change; `done` says whether it was a repetition, once it is durable."""

    def __init__(
        self, context: str | None = None, apply: Callable[[State], State] = plus_one, digest: bytes | None = None
    ) -> None:
        self.context = context
        self.digest = digest
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._apply = apply

    def apply(self, state: State) -> State:
        return self._apply(state)

    def settle(self, error: ClipperError | None, *, repeated: bool) -> None:
        if self.done.cancelled():
            return
        if error is None:
            self.done.set_result(repeated)
        else:
            self.done.set_exception(error)


async def update(
    states: States,
    context: str | None = None,
    apply: Callable[[State], State] = plus_one,
    digest: bytes | None = None,
) -> bool:
    """Submit one change; it is durable on return. Whether it was a repetition."""
    change = Counted(context, apply, digest)
    states.submit(change)
    return await change.done
