"""Inputs, waiters and evaluations for the tests of the abstraction layer."""

import asyncio
import struct
from collections.abc import Callable

from clipper.abstraction.batching.fixed import Fixed
from clipper.abstraction.cache import CacheConfig, PredictionCache
from clipper.abstraction.evaluation import Evaluation, Evaluations, Waiter
from clipper.abstraction.layer import ModelLayer, ModelLayerConfig
from clipper.abstraction.model import ServedModel
from clipper.abstraction.queue import QueueConfig
from clipper.abstraction.terms import Terms
from clipper.core.clock import Clock
from clipper.core.inputs import DType, Input
from clipper.wire.batches import Outcome


class Asker(Waiter):
    """A waiter that notes what it is told."""

    def __init__(self, deadline: float = 1e9) -> None:
        super().__init__(deadline)
        self.received: list[tuple[int, Outcome, float]] = []

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for _, outcome, _ in self.received]

    def receive(self, member: int, outcome: Outcome, now: float) -> None:
        self.received.append((member, outcome, now))


def number(value: float, dtype: DType = DType.FLOAT64) -> Input:
    """An input that holds one number."""
    return Input(dtype, (1,), struct.pack("<d" if dtype is DType.FLOAT64 else "<f", value))


def evaluation(
    asked: Input, deadline: float = 1e9, owner: Evaluations | None = None, asker: Asker | None = None
) -> Evaluation:
    """An evaluation that stands under its input's key in `owner`."""
    owner = {} if owner is None else owner
    made = Evaluation(asked, owner, deadline, 0.0, asker or Asker(deadline), 0)
    owner[asked.key] = made
    return made


def served_model(
    clock: Clock,
    *,
    batch_size: int = -1,
    batching: str = "deadline",
    cache_bytes: int = 1 << 20,
    queue_length: int = 1000,
) -> ServedModel:
    """A model version without replicas, which would take queries; needs a running loop."""
    cache = CacheConfig(max_bytes=cache_bytes)
    config = ModelLayerConfig(cache=cache, queue=QueueConfig(max_length=queue_length), batching=batching)
    model = ServedModel("m", "1", batch_size, ModelLayer(config, PredictionCache(cache), "test", clock))
    model.can_answer = True
    return model


def ask(
    model: ServedModel, asked: Input, now: float, slo_s: float = 1.0, asker: Asker | None = None
) -> tuple[Asker, bytes | None]:
    """Who asked, with a deadline `slo_s` from now, and the output if it was there at once."""
    return ask_on(Terms(slo_s), model, asked, now, asker)


def ask_on(
    terms: Terms, model: ServedModel, asked: Input, now: float, asker: Asker | None = None
) -> tuple[Asker, bytes | None]:
    """As `ask`, for an application with these terms."""
    asker = asker or Asker(now + terms.slo_s)
    return asker, model.ask(asked, now + terms.slo_s, now, terms, asker, 0)


def next_batch(model: ServedModel, now: float, limit: int = 1000) -> list[Evaluation]:
    """What a replica that has nothing to do would be given."""
    return model.take(Fixed(limit), now, now, idle=True)


async def until(condition: Callable[[], bool], patience_s: float = 20.0) -> None:
    """Wait until `condition` holds; fails if it does not within `patience_s` of the loop's time."""
    async with asyncio.timeout(patience_s):
        while not condition():  # noqa: ASYNC110 - any condition, whoever brings it about
            await asyncio.sleep(0.001)
