"""How much is worth looking for: every input while that pays, else as much as takes a small share of the time."""

UNPAID_SHARE = 0.02
"""Of the time, for lookups that do not pay: to learn whether they will."""

UNPAID_BURST = 500
"""Lookups that may be made at once when there was nothing to do before; a twentieth of a second."""

JUDGED = 128
"""Lookups after which it is judged whether they pay."""


class Effort:
    """Says which inputs are to be looked up.

    Attributes:
        cost_s: of one lookup, in seconds.
        call_s: what it saves if it finds an answer: what the model takes for one input, in seconds; 0 while unknown.
        pays: whether, of late, lookups have saved more than they cost.
    """

    def __init__(self) -> None:
        self.cost_s = 0.0001
        self.call_s = 0.0
        self.pays = False
        self._allowed = float(UNPAID_BURST)
        self._reckoned = 0.0
        self._lookups = 0
        self._hits = 0

    def is_due(self, now: float) -> bool:
        """Whether the input that has come now is to be looked up."""
        if self.pays:
            return True
        allowed = min(UNPAID_BURST, self._allowed + (now - self._reckoned) * UNPAID_SHARE / self.cost_s)
        self._reckoned = now
        if allowed < 1.0:
            self._allowed = allowed
            return False
        self._allowed = allowed - 1.0
        return True

    def note(self, hit: bool) -> None:
        """A lookup has found an answer, or not."""
        self._lookups += 1
        self._hits += hit
        if self._lookups >= JUDGED:
            self.pays = self._hits * self.call_s > self._lookups * self.cost_s
            self._lookups = self._hits = 0

    def learn(self, call_s: float) -> None:
        """A batch took the model so long for each of its inputs."""
        self.call_s += (call_s - self.call_s) * (0.1 if self.call_s else 1.0)
