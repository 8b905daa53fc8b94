"""Feedback for queries of a `Serving`, as somebody sends it and waits."""

import asyncio

from clipper.core.errors import ClipperError
from clipper.engine.feedback import Told, observe_query
from tests.unit.engine.world import Serving


class Waiting:
    """Who waits for a feedback, in tests."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def acknowledge(self, error: ClipperError | None) -> None:
        assert not self.done.done()
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


async def feedback(serving: Serving, query_id: int, label: bytes, name: str = "app", key: str | None = None) -> None:
    """Feedback by id; durable on return."""
    await told(serving, query_id, Told(label, None, key), name)


async def told(serving: Serving, query_id: int, what: Told, name: str = "app") -> None:
    """Anything told of a query; durable on return."""
    engine, reply = serving.engine, Waiting()
    observe_query(engine.applications[name], engine.journal, query_id, what, reply)
    await reply.done
