"""Batch delay: how long an idle replica waits for company for what is there (the paper's delayed batching, §4.3.2)."""

from typing import Final

from clipper.abstraction.batching.controller import BATCH_OVERHEAD_S, LEAD_S, BatchController

AUTO_S: Final = -1.0
"""Instead of a delay: as long as pays, which may be not at all."""

RECENT: Final = 0.1
"""Weight of the newest batch in the rate of arrivals."""

ENOUGH_COMPANY: Final = 1.0
"""Inputs that have to be expected during a wait to make it worth anything."""


class BatchDelay:
    """Waits a fixed time, or for as long as one fixed cost of a batch where others are expected to come meanwhile.

    A model whose batches have no fixed cost gains nothing by company, so that `AUTO_S` never waits for one; nor where
    hardly anybody comes. No wait outlives a deadline, and none goes on once a batch is as large as it may be.
    """

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self._rate = 0.0
        self._took_at = 0.0

    def took(self, size: int, now: float) -> None:
        """A batch of that size has been taken: so many have arrived since the last one."""
        elapsed_s = now - self._took_at
        self._took_at = now
        if elapsed_s > 0:
            self._rate += RECENT * (size / elapsed_s - self._rate)

    def wait_s(self, waiting: int, since_s: float, slack_s: float, controller: BatchController) -> float:
        """How much longer to wait; at most 0: not at all.

        `waiting` inputs are there, the first one for `since_s` seconds; `slack_s` is left until its deadline.
        """
        limit = controller.limit(slack_s)
        if waiting >= limit:
            return 0.0
        wanted_s = self.delay_s if self.delay_s >= 0 else self._worthwhile_s(waiting, controller)
        spare_s = slack_s - controller.expected_s(min(limit, 2 * waiting)) - LEAD_S
        return min(wanted_s - since_s, spare_s)

    def _worthwhile_s(self, waiting: int, controller: BatchController) -> float:
        """What one batch fewer saves, if somebody is likely to come in that time."""
        saved_s = 2 * controller.typical_s(waiting) - controller.typical_s(2 * waiting)
        if saved_s <= BATCH_OVERHEAD_S or saved_s * self._rate < ENOUGH_COMPANY:
            return 0.0
        return saved_s
