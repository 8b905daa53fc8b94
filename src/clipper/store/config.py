"""The knobs of the embedded store, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """How large the embedded store and its queue may grow.

    Attributes:
        map_size_bytes: the most the database may hold. It is reserved as address space, not as disk or
            memory, so it is generous; every process that opens one store should use the same.
        group_limit: the most transactions in one durable commit. 256 have reached the full throughput of the
            disks measured; larger groups wait longer and hold the interpreter longer.
        queue_limit: the most transactions accepted and not yet durable: 16 full groups. Beyond that a caller
            is better told to come back.
        queue_limit_bytes: the same bound in memory. A transaction larger than this is refused for good.
    """

    map_size_bytes: int = 16 * 1024**3
    group_limit: int = 256
    queue_limit: int = 4096
    queue_limit_bytes: int = 64 * 1024**2
