"""Which store holds the selection states: the embedded one of the home, or a Redis server that several homes share."""

from collections.abc import Iterator
from contextlib import contextmanager

from clipper.store.config import StoreConfig
from clipper.store.interface import Store


@contextmanager
def states_store(config: StoreConfig, embedded: Store) -> Iterator[Store]:
    """Inside, the store of selection states: `embedded` unless `config.url` names a server; that one is closed then.

    Raises INVALID_ARGUMENT for a URL that cannot be one; a server that is away is no error.
    """
    if not config.url:
        yield embedded
        return
    from clipper.store.redis.store import RedisStore  # noqa: PLC0415 - a sixth of a second, for those that use it

    with RedisStore.open(config) as store:
        yield store
