"""Ends the splits that are to end themselves: looks at what was learned, and promotes or rolls back in the end."""

import asyncio
import logging

from clipper.core.errors import ClipperError
from clipper.management.selection.learning import Learning
from clipper.registry.registry import Registry

_log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often. The test holds at whatever moments it is looked at; a second more or less decides nothing."""


class Verdicts:
    """Looks at every split with a test that is not decided yet. `run` goes on until it is cancelled."""

    def __init__(self, registry: Registry, learning: Learning) -> None:
        self._registry = registry
        self._learning = learning

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Give the verdicts that are due."""
        try:
            applications = self._registry.snapshot().applications.values()
            for name in [
                each.name for each in applications if each.policy == "split" and "verdict" in each.policy_config
            ]:
                await self._judge(name)
        except ClipperError as error:  # a store that is away; the next look will do
            _log.warning("No verdicts on splits for now: %s", error.message)

    async def _judge(self, name: str) -> None:
        ending = await self._learning.end_split(name)
        if ending is None:
            return
        judgement = ending.judgement
        _log.warning(
            "Application %s: verdict %s; '%s' takes the traffic of '%s' (the candidate earns %+.3f to %+.3f more)",
            name,
            judgement.verdict.value,
            ending.winner,
            ending.loser,
            judgement.low,
            judgement.high,
        )
