"""The fields of the JSON bodies, and their typed decoders.

Apart from `bodies.py`, which is compiled: msgspec reads the annotations of its structs, and compiled classes keep none.
"""

from typing import Any

import msgspec


class FlatDoubles(msgspec.Struct, forbid_unknown_fields=True):
    """One input of numbers, and what may be said with it."""

    input: list[float]
    version: str | None = None
    context: str | None = None


class FlatIntegers(msgspec.Struct, forbid_unknown_fields=True):
    """One input of integers, and what may be said with it."""

    input: list[int]
    version: str | None = None
    context: str | None = None


class Text(msgspec.Struct, forbid_unknown_fields=True):
    """One input that is a text, and what may be said with it."""

    input: str
    version: str | None = None
    context: str | None = None


class Predict(msgspec.Struct, forbid_unknown_fields=True):
    """Any predict request; which inputs are right depends on the input type."""

    input: Any = msgspec.UNSET
    input_batch: Any = msgspec.UNSET
    items: Any = msgspec.UNSET
    k: int | None = None
    version: str | None = None
    context: str | None = None


class Update(msgspec.Struct, forbid_unknown_fields=True):
    """Any feedback."""

    label: Any = msgspec.UNSET
    reward: float | None = None
    query_id: int | None = None
    input: Any = msgspec.UNSET
    context: str | None = None
    uid: str | int | None = None
    idempotency_key: str | None = None


class UpdateDoubles(Update):
    """Feedback for an input of numbers, if for one."""

    input: list[float] | msgspec.UnsetType = msgspec.UNSET


class UpdateIntegers(Update):
    """Feedback for an input of integers, if for one."""

    input: list[int] | msgspec.UnsetType = msgspec.UNSET


class UpdateBatch(msgspec.Struct, forbid_unknown_fields=True):
    """Several feedbacks, each of which may be wrong by itself."""

    update_batch: list[msgspec.Raw]


class UpdateResults(msgspec.Struct):
    """What became of several feedbacks."""

    updates: list[msgspec.Raw]


decode_list_of_doubles = msgspec.json.Decoder(list[float]).decode
decode_list_of_integers = msgspec.json.Decoder(list[int]).decode
decode_doubles = msgspec.json.Decoder(FlatDoubles).decode
decode_integers = msgspec.json.Decoder(FlatIntegers).decode
decode_text = msgspec.json.Decoder(Text).decode
decode_predict = msgspec.json.Decoder(Predict).decode
decode_update = msgspec.json.Decoder(Update).decode
decode_update_doubles = msgspec.json.Decoder(UpdateDoubles).decode
decode_update_integers = msgspec.json.Decoder(UpdateIntegers).decode
decode_update_batch = msgspec.json.Decoder(UpdateBatch).decode
_decode_update_results = msgspec.json.Decoder(UpdateResults).decode


def update_results(body: bytes) -> list[bytes]:
    """Each of a sibling's answers to several feedbacks; none if it has answered something else."""
    try:
        return [bytes(each) for each in _decode_update_results(body).updates]
    except msgspec.MsgspecError:
        return []
