"""On what terms an application asks models: the same for each of its queries."""

from math import inf


class Terms:
    """What one application expects of every model version it asks.

    Attributes:
        slo_s: its latency objective, in seconds.
        priority: who goes first where queries wait, the highest does.
        lane: what its evaluations wait by, (priority, objective).
        cached: whether finished outputs are taken from the cache, and left there for others.
        any_age: whether they may be of any age.
        max_age_s: else how old they may be, in seconds.
    """

    __slots__ = ("any_age", "cached", "lane", "max_age_s", "priority", "slo_s")

    def __init__(self, slo_s: float, *, priority: int = 0, cached: bool = True, ttl_s: float = 0.0) -> None:
        """`ttl_s` is in seconds; 0: an output may be of any age."""
        self.slo_s = slo_s
        self.priority = priority
        self.lane = (priority, slo_s)
        self.cached = cached
        self.any_age = cached and ttl_s <= 0.0
        self.max_age_s = (ttl_s if ttl_s > 0.0 else inf) if cached else -1.0
