"""One application as those who query it see it: predict, and tell the truth afterwards."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, TypeVar

import msgspec

from clipper.client.transport import Transport
from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.inputs import NUMPY_NAME

if TYPE_CHECKING:
    import numpy.typing

Answer = TypeVar("Answer")

RAW_DTYPES = frozenset(NUMPY_NAME.values())
"""Element types that travel as they are; an array of any other goes as JSON."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one query.

    Attributes:
        query_id: names the query in a later feedback.
        output: a JSON value: what the models answered, or the application's default output.
        default: whether `output` is the default.
        default_explanation: why, if it is.
        cache: "exact" if all that the models said of this input was cached; "approximate" if all was, and some of it of
            a similar input; else None.
        confidence: how sure the selection policy is, from 0 to 1, where it has combined or judged what models said.
        models: then, whose outputs the answer was made of, with their shares of it.
        missing: those whose outputs were wanted too and were not there in time.
    """

    query_id: int
    output: Any
    default: bool
    default_explanation: str | None = None
    cache: Literal["exact", "approximate"] | None = None
    confidence: float | None = None
    models: dict[str, float] | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One of the best of several items.

    Attributes:
        item: its place among those that were asked about, from 0.
        score: what it is expected to be worth.
        query_id: names it in a later feedback.
    """

    item: int
    score: float
    query_id: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best of several items.

    Attributes:
        top_k: the best of those that could be ranked in time, best first.
        default: whether none could.
        default_explanation: why, if so.
        unranked: the places of the others: no model had said anything of them by the deadline.
        missing: models that had not answered for all of those that were ranked.
    """

    top_k: list[RankedItem]
    default: bool
    default_explanation: str | None = None
    unranked: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()


class Application:
    """A handle on one application; may be shared by threads.

    Attributes:
        name: the application's name.
    """

    def __init__(self, name: str, transport: Transport) -> None:
        self.name = name
        self._transport = transport
        self._other_dtypes: set[str] = set()

    def __repr__(self) -> str:
        return f"<Application {self.name} at {self._transport.base_url}>"

    def predict(self, x: object, *, version: str | int | None = None, context: str | None = None) -> Prediction:
        """Answer one query by the application's deadline.

        Args:
            x: a list of numbers (nested for a shape), text, or bytes. A NumPy array is fastest: it travels as raw
                bytes if its elements are what the application takes: int32, float32 or float64; uint8 for bytes.
            version: ask this version of the one linked model, not the current one.
            context: whose query it is: a user, a session.

        Raises:
            ClipperError: INVALID_ARGUMENT for an input of the wrong type, NOT_FOUND if there is no such application.
        """
        options = _given(version=_text(version), context=context)
        if _is_raw_array(x, dimensions=1):
            return _converted(self._post_array(x, "input", options, shape=_numbers(x.shape)), Prediction)
        return _converted(self._post_json("input", x, options), Prediction)

    def predict_batch(
        self,
        xs: "Sequence[object] | numpy.typing.NDArray[Any]",
        *,
        version: str | int | None = None,
        context: str | None = None,
    ) -> list[Prediction]:
        """Answer several queries of one kind at once, in order; arguments and errors as `predict`.

        Args:
            xs: inputs as `predict` takes them, or a NumPy array whose rows they are.
            version: as for `predict`.
            context: as for `predict`.
        """
        options = _given(version=_text(version), context=context)
        if _is_raw_array(xs, dimensions=2):
            answer = self._post_array(xs, "input_batch", options, shape=_numbers(xs.shape[1:]), batch=len(xs))
        else:
            answer = self._post_json("input_batch", xs, options)
        if not isinstance(answer, dict) or not isinstance(answer.get("batch_predictions"), list):
            raise _unexpected(answer)
        return [_converted(each, Prediction) for each in answer["batch_predictions"]]

    def top_k(
        self, items: "Sequence[object] | numpy.typing.NDArray[Any]", k: int, *, context: str | None = None
    ) -> Ranking:
        """Which `k` of several items are the best for a context, by what the models say of each, by the deadline.

        Args:
            items: inputs as `predict` takes them, at most 1,000.
            k: how many to name.
            context: for whom: a user, a session.

        Raises:
            ClipperError: INVALID_ARGUMENT for an item of the wrong type, or if the application's policy ranks none.
        """
        answer = self._post_json("items", items, {"k": k, **_given(context=context)})
        return _converted(answer, Ranking)

    def feedback(
        self,
        label: object = None,
        *,
        reward: float | None = None,
        query_id: int | None = None,
        input: object = None,
        context: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Tell what became of a query, named by its id or by its input; durable when this returns.

        Args:
            label: the true output.
            reward: in its place: what the answer was worth, from 0 to 1.
            query_id: which query, as its prediction says. Told again, it counts once.
            input: or the input that this is about.
            context: with `input`: whose query it was.
            idempotency_key: up to 128 bytes of text that name this feedback: for a day, however often it is sent, it
                counts once.

        Raises:
            ClipperError: NOT_FOUND if no such query is remembered, INVALID_ARGUMENT for a label of the wrong type.
        """
        if (query_id is None) == (input is None):
            raise invalid("Invalid feedback: expected either query_id or input, to say which query this is about")
        if (label is None) == (reward is None):
            raise invalid("Invalid feedback: expected either label or reward")
        body = _given(
            label=label,
            reward=reward,
            query_id=query_id,
            input=input,
            context=context,
            idempotency_key=idempotency_key,
        )
        self._transport.post(f"/{self.name}/update", body)

    def feedback_batch(self, feedbacks: Sequence[Mapping[str, object]]) -> list[str | None]:
        """Tell what became of several queries at once; durable when this returns, where it was taken.

        Args:
            feedbacks: the arguments of `feedback`, each as a dictionary.

        Returns:
            for each why it was not taken, or None.
        """
        answer = self._transport.post(f"/{self.name}/update", {"update_batch": [_given(**each) for each in feedbacks]})
        if not isinstance(answer, dict) or not isinstance(answer.get("updates"), list):
            raise _unexpected(answer)
        return [None if each.get("ok") else str(each.get("cause")) for each in answer["updates"]]

    def _post_json(self, field: str, x: object, options: dict[str, Any]) -> Any:
        return self._transport.post(f"/{self.name}/predict", {field: x, **options})

    def _post_array(self, x: Any, field: str, options: dict[str, Any], **query: object) -> Any:
        """Send an array as raw bytes; as JSON if the application takes elements of another type than it has."""
        dtype = x.dtype.name
        if dtype in self._other_dtypes:
            return self._post_json(field, x, options)
        little_endian = x.astype(x.dtype.newbyteorder("<"), order="C", copy=False)
        query |= {"dtype": dtype, **options}
        try:
            return self._transport.post_bytes(f"/{self.name}/predict", little_endian.tobytes(), query)
        except ClipperError as refusal:
            if refusal.code is not ErrorCode.INVALID_ARGUMENT:
                raise
            try:
                answer = self._post_json(field, x, options)
            except ClipperError:
                raise refusal from None
            self._other_dtypes.add(dtype)
            return answer


def _is_raw_array(x: object, dimensions: int) -> TypeGuard["numpy.typing.NDArray[Any]"]:
    """Whether `x` is a NumPy array of at least so many dimensions whose elements can travel as they are."""
    if (loaded := sys.modules.get("numpy")) is None:  # whoever has an array has imported it; nobody else should pay
        return False
    return isinstance(x, loaded.ndarray) and x.ndim >= dimensions and x.dtype.name in RAW_DTYPES


def _numbers(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape))


def _text(version: str | int | None) -> str | None:
    return None if version is None else str(version)


def _given(**options: object) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _converted(answer: object, kind: type[Answer]) -> Answer:
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError:
        raise _unexpected(answer) from None


def _unexpected(answer: object) -> ClipperError:
    return ClipperError(ErrorCode.PROTOCOL, f"The query frontend answered something unexpected: {str(answer)[:200]}")
