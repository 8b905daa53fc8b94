"""When a replica that has ended by itself is started again."""

from clipper.management.config import SupervisionConfig


class Backoff:
    """Counts deaths in a row: the first is replaced at once, later ones after ever longer waits."""

    def __init__(self, config: SupervisionConfig) -> None:
        self._config = config
        self._deaths = 0

    def delay_s(self, ready_for_s: float) -> float:
        """How long to wait now that the replica has died, having been ready for `ready_for_s` seconds."""
        if ready_for_s >= self._config.healthy_after_s:
            self._deaths = 0
        self._deaths += 1
        if self._deaths == 1:
            return 0.0
        doublings = min(self._deaths - 2, 32)  # far past the maximum, and no overflow after months of dying
        return min(self._config.backoff_first_s * 2.0**doublings, self._config.backoff_max_s)
