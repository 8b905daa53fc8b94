"""Which feedback has been counted already, by the key its sender gave it: for a bounded time, in bounded room.

The keys of one application fall into slots by their hash; the record of a slot holds its newest ones. So nothing ever
has to be swept, and a slot is changed by compare-and-set as a selection state is: of two frontends that get one
feedback, one finds out that the other has counted it.
"""

import hashlib
from typing import Final

RECORDS_PREFIX: Final = b"feedback/"

KEPT_S: Final = 24 * 3600
"""A key is remembered for a day: whoever sends something again after longer than that has to know what was counted."""

SLOTS: Final = 32_768
PER_SLOT: Final = 32
"""Together a million keys, in 21 MB for each application: with half a million a day, one in some ten thousand is
forgotten before its time."""

_DIGEST_BYTES: Final = 16
_ENTRY_BYTES: Final = 4 + _DIGEST_BYTES


def digest_of(key: str) -> bytes:
    """what is kept of an idempotency key: no two are known to share it."""
    return hashlib.blake2b(key.encode(errors="replace"), digest_size=_DIGEST_BYTES).digest()


def slot_of(digest: bytes) -> bytes:
    """The slot a key belongs to, as the end of a store key."""
    return b"%04x" % (int.from_bytes(digest[:2], "big") % SLOTS)


def remembers(record: bytes, digest: bytes, now: int) -> bool:
    """Whether a slot's record holds that key, and not for too long. `now`: seconds since 1970."""
    at = record.find(digest)
    while at >= 0 and at % _ENTRY_BYTES != 4:
        at = record.find(digest, at + 1)
    return at >= 0 and int.from_bytes(record[at - 4 : at], "big") + KEPT_S > now


def noted(record: bytes, digest: bytes, now: int) -> bytes:
    """The record with one more key; without those that are too old, or too many."""
    kept = [record[at : at + _ENTRY_BYTES] for at in range(0, len(record), _ENTRY_BYTES)]
    fresh = [entry for entry in kept if int.from_bytes(entry[:4], "big") + KEPT_S > now]
    return b"".join([*fresh[1 - PER_SLOT :], now.to_bytes(4, "big") + digest])
