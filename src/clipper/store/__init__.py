"""One durable key-value interface with compare-and-set and watch, and its implementations.

Knows bytes, not applications or models. A commit is durable when its future resolves.
"""

from clipper.store.config import StoreConfig
from clipper.store.interface import Store, Transaction, Watch
from clipper.store.lmdb_store import LmdbStore
from clipper.store.states import states_store

__all__ = ["LmdbStore", "Store", "StoreConfig", "Transaction", "Watch", "states_store"]
