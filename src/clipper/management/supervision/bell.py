"""Tells everybody who waits that something has changed; what, they look up themselves."""

import asyncio


class Bell:
    """`await heard()` returns at the next `ring()`. Between a look and the await nothing may be awaited."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Wake everybody who waits now."""
        self._next.set()
        self._next = asyncio.Event()

    async def heard(self) -> None:
        """Wait for the next ring."""
        await self._next.wait()
