"""One query frontend process: opens the store, serves its sockets, drains and ends."""

import asyncio
import contextlib
import gc
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode
from clipper.engine.engine import Engine, EngineConfig
from clipper.frontend.config import FrontendConfig
from clipper.frontend.connection import Connections
from clipper.frontend.exposition import Exposition
from clipper.frontend.service import QueryService
from clipper.frontend.siblings import Siblings
from clipper.store import LmdbStore, Store, StoreConfig, Transaction, states_store

INCARNATION_KEY = b"frontend/incarnation"
"""Counts every start of every frontend of this home: the upper part of its query ids."""

PRESENT_INCARNATION_KEY = b"frontend/%d/incarnation"
"""That of each frontend now, for its siblings."""

SWEEP_S = 1.0
"""How often time-outs of connections are enforced, and garbage is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendProcess:
    """What one frontend is started with.

    Attributes:
        index: which of the server's frontends this is.
        sockets: the private unix socket of every frontend, by index.
    """

    index: int
    store_folder: Path
    sockets: list[Path]
    store: StoreConfig = field(default_factory=StoreConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)


async def run_frontend(process: FrontendProcess, listener: socket.socket) -> None:
    """Serve queries on `listener` until SIGTERM, then answer what was accepted and return."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _allow_open_files(process.frontend.max_connections)
    with LmdbStore.open(process.store_folder, process.store) as store, states_store(process.store, store) as states:
        incarnation = await _next_incarnation(store, process.index)
        engine = Engine(store, process.engine, incarnation, f"frontend-{process.index}", monotonic, states)
        engine.start()
        siblings = Siblings(process.index, process.sockets, partial(_incarnation_of, store))
        service = QueryService(engine, process.frontend, Exposition(engine, siblings), siblings)
        connections = Connections(process.frontend, service, monotonic, loop.call_soon)
        async with _serving(connections, listener, process.sockets[process.index]):
            gc.disable()  # a collection among a full cache would take a tenth of a second, in the midst of queries
            await stop.wait()
        await connections.drain(process.frontend.drain_s)
        await service.stop()
        await engine.stop()


@contextlib.asynccontextmanager
async def _serving(connections: Connections, listener: socket.socket, private: Path) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    _remove(private)
    accept = cast(Callable[[], asyncio.Protocol], connections.accept)  # see Connection
    siblings = await loop.create_unix_server(accept, str(private))
    public = await loop.create_server(accept, sock=listener, backlog=socket.SOMAXCONN)
    sweeper = loop.create_task(_sweep_for_ever(connections))
    try:
        yield
    finally:
        sweeper.cancel()
        public.close()
        siblings.close()
        _remove(private)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _sweep_for_ever(connections: Connections) -> None:
    while True:
        _look_for_garbage(connections.idle)
        connections.idle = True
        await asyncio.sleep(SWEEP_S)
        connections.sweep()


def _look_for_garbage(idle: bool) -> None:
    """Collect what is younger than the last call, if there is time, and never look at it again.

    Nothing on a query's path makes cycles: what is frozen is freed by its reference counts all the same. The little
    that management makes in a busy second stays.
    """
    if idle:
        gc.collect()
    gc.freeze()


def _incarnation_of(store: Store, index: int) -> int | None:
    number = store.get(PRESENT_INCARNATION_KEY % index)
    return None if number is None else int(number)


async def _next_incarnation(store: Store, index: int) -> int:
    while True:
        before = store.get(INCARNATION_KEY)
        number = int(before or b"0") + 1
        encoded = b"%d" % number
        transaction = Transaction(
            put={INCARNATION_KEY: encoded, PRESENT_INCARNATION_KEY % index: encoded}, expect={INCARNATION_KEY: before}
        )
        try:
            if await asyncio.wrap_future(store.commit(transaction)):
                return number
        except ClipperError as error:
            if error.code is not ErrorCode.STORE_FULL:
                raise
            # A full disk must not keep queries from being answered; ids may then repeat those of the last start.
            return number


def _allow_open_files(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
