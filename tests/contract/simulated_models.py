"""Models that are only a latency: seconds for a batch of a size. Noise is drawn from the `Random` that is given."""

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from clipper.abstraction.batching import BatchController

Latency: TypeAlias = Callable[[int], float]


def linear(size: int) -> float:
    """Batching gains nothing beyond the cost of messages: a linear model."""
    return size * 20e-6


def slow_linear(size: int) -> float:
    """A kernel SVM."""
    return size * 1e-3


def affine(size: int) -> float:
    """A fixed cost for each batch."""
    return 0.002 + size * 40e-6


def forest(size: int) -> float:
    """Nearly all of it is the fixed cost."""
    return 0.006 + size * 18e-6


def stepwise(size: int) -> float:
    """Padded to whole blocks, as on an accelerator."""
    return 0.003 * -(-size // 64)


def superlinear(size: int) -> float:
    """Larger batches fall out of the processor's caches."""
    return 0.0005 + size * size * 1e-6


SHAPES: dict[str, Latency] = {
    "linear": linear,
    "slow linear": slow_linear,
    "affine": affine,
    "forest": forest,
    "stepwise": stepwise,
    "superlinear": superlinear,
}


def noisy(latency: Latency, rng: Random, spread: float = 0.2) -> Latency:
    """Times a log-normal factor."""
    return lambda size: latency(size) * rng.lognormvariate(0, spread)


def bimodal(latency: Latency, rng: Random, share: float = 0.1, factor: float = 2.0) -> Latency:
    """One batch in ten takes twice as long."""
    return lambda size: latency(size) * (factor if rng.random() < share else 1.0)


def drive(
    controller: BatchController, latency: Latency, batches: int, offered: int = 65_536, slack_s: float = 0.0085
) -> list[tuple[int, float]]:
    """(size, seconds) of `batches` batches, with `offered` inputs waiting each time, which have that slack."""
    done = []
    for _ in range(batches):
        size = min(offered, controller.limit(slack_s))
        compute_s = latency(size)
        controller.observe(size, compute_s)
        done.append((size, compute_s))
    return done
