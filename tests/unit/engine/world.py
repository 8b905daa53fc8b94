"""An engine on a store in memory whose containers are the test itself."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress

from clipper.abstraction.replica import Batch
from clipper.core.clock import Clock
from clipper.core.errors import ClipperError
from clipper.core.inputs import Input
from clipper.engine.engine import Engine, EngineConfig
from clipper.engine.query import PendingQuery, ReplyTo
from clipper.registry import changes
from clipper.registry.entities import Application, Model, Snapshot
from clipper.store import Transaction, Watch
from clipper.wire.batches import Outcome, ResultBatch
from tests.unit.abstraction.evaluations import next_batch
from tests.unit.registry.world import World, model


class _Watch:
    def __init__(self, store: "MemoryStore", prefix: bytes) -> None:
        self._store = store
        self._prefix = prefix
        self._seen = 0

    def changed(self) -> bool:
        new = self._store.committed[self._seen :]
        self._seen = len(self._store.committed)
        return any(key.startswith(self._prefix) for key in new)


class MemoryStore(World):
    """A store in memory that commits at once, or when the test says so.

    Attributes:
        error: raised by commits while it is set.
        held: commits that wait for `release`, while it is a list.
        committed: every key that was written, in order.
    """

    is_local: bool = True

    def __init__(self) -> None:
        super().__init__()
        self.error: ClipperError | None = None
        self.held: list[tuple[Transaction, Future[bool]]] | None = None
        self.committed: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        return self.records.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        return sorted(item for item in self.records.items() if item[0].startswith(prefix))

    def commit(self, transaction: Transaction) -> Future[bool]:
        done: Future[bool] = Future()
        if self.held is not None:
            self.held.append((transaction, done))
        else:
            self._commit(transaction, done)
        return done

    def release(self) -> None:
        """Commit what was held, and hold no more."""
        held, self.held = self.held or [], None
        for transaction, done in held:
            if done.set_running_or_notify_cancel():
                self._commit(transaction, done)

    def watch(self, prefix: bytes) -> Watch:
        return _Watch(self, prefix)

    def close(self) -> None:
        """Nothing to release."""

    def _commit(self, transaction: Transaction, done: Future[bool]) -> None:
        if self.error is not None:
            done.set_exception(self.error)
            return
        happened = self.apply(transaction)
        if happened:
            self.committed += [*transaction.put, *transaction.delete]
        done.set_result(happened)


class Client(ReplyTo):
    """Who wants an answer: notes each."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, str | None, float]] = []
        self.cached: list[int] = []

    @property
    def outputs(self) -> list[bytes]:
        return [output for output, _, _ in self.answers]

    @property
    def explanations(self) -> list[str | None]:
        return [explanation for _, explanation, _ in self.answers]

    def answer(self, query: PendingQuery, now: float) -> None:
        assert query.concluded
        self.answers.append((query.output, query.explanation, now))
        self.cached.append(query.cache)


class Serving:
    """An engine that follows a store in memory; `async with` starts and stops it."""

    def __init__(self, clock: Clock, config: EngineConfig | None = None) -> None:
        self.clock = clock
        self.store = MemoryStore()
        self._config = config or EngineConfig()
        self.engine: Engine

    async def __aenter__(self) -> "Serving":
        self.engine = Engine(self.store, self._config, 3, "frontend-0", self.clock)
        self.engine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.stop()

    def change(self, transaction: Transaction) -> None:
        """Make a change of the registry that the next query sees."""
        assert self.store.commit(transaction).result()
        self.engine.refresh()

    @property
    def now(self) -> Snapshot:
        return self.store.snapshot

    def add(self, application: Application, *models: Model) -> None:
        """Models that are current, then an application."""
        for each in models:
            self.change(changes.add_model(self.now, each, make_current=True))
        self.change(changes.add_application(self.now, application))

    def ask(
        self, name: str, asked: Input, *, version: str | None = None, context: str | None = None
    ) -> tuple[PendingQuery, Client]:
        """One query, as a connection would make it."""
        engine, client, now = self.engine, Client(), self.clock()
        engine.refresh()
        application = engine.applications[name]
        query = PendingQuery(asked, context, now, now + application.patience_s, client)
        engine.journal.record(query)
        if version is None:
            application.predict(query, now)
        else:
            application.predict_with_version(query, version, now)
        return query, client

    def take(self, name: str, version: str = "1") -> Batch:
        """What a replica of that version would be sent now."""
        now = self.clock()
        return Batch(next_batch(self.engine.models[name, version], now), now)

    def give(self, name: str, batch: Batch, outcomes: Sequence[Outcome], version: str = "1") -> None:
        """What a replica of that version would answer."""
        self.engine.models[name, version].completed(batch, ResultBatch(list(outcomes), 1000), self.clock())

    def answer(self, name: str, *outcomes: Outcome, version: str = "1") -> None:
        """A replica's turn: what waits is answered so, one outcome for each input."""
        self.give(name, self.take(name, version), outcomes, version)


def wanted(name: str = "m", version: str = "1") -> Model:
    """A model version of which one replica is to run, so that queries wait for it."""
    return model(name, version, replicas=1)


async def turns(count: int) -> None:
    """Let the event loop turn `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def settled(*work: asyncio.Task[None]) -> None:
    """Wait for tasks, however they end."""
    for each in work:
        with suppress(ClipperError, asyncio.CancelledError):
            await each
