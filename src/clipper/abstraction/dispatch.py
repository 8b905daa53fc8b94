"""Which of those that wait are in the next batch, and which are given up for it. Pure."""

from math import inf

from clipper.abstraction.batching import BatchController
from clipper.abstraction.evaluation import Evaluation
from clipper.abstraction.queue import DeadlineQueue


def next_batch(
    queue: DeadlineQueue, controller: BatchController, start: float, now: float
) -> tuple[list[Evaluation], list[Evaluation]]:
    """(batch, dropped) for a replica that can begin with a batch at `start`; dropped are those that would be late."""
    if queue.has_suspects:
        return queue.take(1, now)
    dropped: list[Evaluation] = []
    horizon = start + controller.typical_s(1)
    limit = controller.limit(queue.head(horizon, dropped) - start)
    if limit < queue.length and limit < controller.limit(inf):
        limit = _skip_late(queue, controller, start, dropped)
    batch, late = queue.take(limit, horizon)
    return batch, dropped + late if late else dropped


def _skip_late(queue: DeadlineQueue, controller: BatchController, start: float, dropped: list[Evaluation]) -> int:
    """The size of the next batch, after those were dropped whose deadlines would make it too small to pay.

    Under overload whoever is first has hardly any time left; to serve it in a small batch would make those behind it
    late too, and so on for ever. Where small batches cost nothing nobody is dropped.
    """
    while True:
        slack_s = queue.head(start, dropped) - start
        limit = controller.limit(slack_s)
        wanted = min(queue.length, controller.limit(inf))
        if limit >= wanted:
            return limit
        needed_s = controller.typical_s(controller.least(wanted))
        if slack_s >= needed_s or not queue.drop_late(start + needed_s, max(1, queue.length // 8), dropped):
            return limit
