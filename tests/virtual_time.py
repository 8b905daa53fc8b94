"""An event loop whose time passes only when nobody has anything else to do: exact tests of deadlines, no waiting.

Sockets and threads work as usual; while one of them is ready, or while no timer is set, no time passes.
"""

import asyncio
import gc
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_S = 1000.0

HUNG_AFTER_S = 3600.0
"""Of virtual time: a test that is still waiting by then waits for something that never comes."""


class ManualClock:
    """Seconds; they pass when `now` is set."""

    def __init__(self, now: float = START_S) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(30.0)
        self._clock.now += max(timeout, 1e-6)
        return []


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__(_JumpingSelector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.now


def run_virtually(main: Callable[[ManualClock], Coroutine[Any, Any, T]]) -> T:
    """The result of `main(clock)`; fails if it leaves a task, or if anything raised where nobody saw it."""
    clock = ManualClock()
    return _run(main(clock), lambda: _VirtualLoop(clock), HUNG_AFTER_S)


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main` in real time, with the same checks."""
    return _run(main, asyncio.new_event_loop, 30.0)


def _run(main: Coroutine[Any, Any, T], new_loop: Callable[[], asyncio.AbstractEventLoop], hung_after_s: float) -> T:
    unseen: list[dict[str, Any]] = []

    async def checked() -> T:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unseen.append(context))
        async with asyncio.timeout(hung_after_s):
            result = await main
        for _ in range(3):  # connections that were closed get to say so
            await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, f"left running: {left}"
        return result

    with asyncio.Runner(loop_factory=new_loop) as runner:
        result = runner.run(checked())
        gc.collect(0)  # a future whose exception nobody asked for complains when it goes
    assert not unseen, f"raised where nobody saw it: {unseen}"
    return result
