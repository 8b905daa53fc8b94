"""When a started container counts as ready: it listens, shakes hands, and answers its example.

All waiting is bounded, and ends at once when the process does, so that a crash is never reported as a timeout.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import Input
from clipper.management.config import SupervisionConfig
from clipper.management.launchers import RunningProcess
from clipper.management.supervision.link import ContainerLink, NotListening
from clipper.wire.batches import ItemFailure

POLL_S = 0.02
"""Between two looks whether the container listens: a fiftieth of the time it takes to import a small framework."""

END_GRACE_S = 1.0
"""How long a process may take to end after its connection did, so that the end can be told instead of the symptom."""

T = TypeVar("T")


class Ended(Exception):
    """The process ended while something was expected of it. The argument says how."""


async def connect(process: RunningProcess, link: ContainerLink, config: SupervisionConfig, within_s: float) -> None:
    """Dial a container as soon as it listens.

    Raises:
        Ended: the process has ended.
        ClipperError: TIMEOUT after `within_s` seconds, or PROTOCOL if it is not who it should be.
    """
    await _unless_ended(process, _dial_when_listening(link, config.dial_timeout_s, within_s))


async def require_answer(process: RunningProcess, link: ContainerLink, example: Input, timeout_s: float) -> None:
    """Send the example and check that what comes back is an output.

    Raises:
        Ended: the process has ended.
        ClipperError: MODEL_FAILED if the model fails on it, TIMEOUT, or PROTOCOL.
    """
    outcome = await _unless_ended(process, link.predict(example, timeout_s))
    if isinstance(outcome, ItemFailure):
        raise ClipperError(ErrorCode.MODEL_FAILED, f"The model fails on its own example: {outcome.message}")


async def until_end(process: RunningProcess, link: ContainerLink, config: SupervisionConfig) -> None:
    """Stay connected to a ready container; never returns.

    Raises:
        Ended: the process has ended.
        ClipperError: it lives, but does not answer, or has closed the connection and accepts no other.
    """
    while True:
        await _unless_ended(process, link.stay(config.probe_s, config.hang_timeout_s))
        await connect(process, link, config, config.dial_timeout_s)


async def _dial_when_listening(link: ContainerLink, dial_timeout_s: float, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    return await link.dial(dial_timeout_s)
                except NotListening:
                    await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise ClipperError(
            ErrorCode.TIMEOUT, f"The container did not listen within {within_s:g} s; see its log for what it waits for"
        ) from None


async def _unless_ended(process: RunningProcess, action: Coroutine[Any, Any, T]) -> T:
    """The result of `action`; Ended if the process ends first, or ends so soon after that it must be the reason."""
    doing = asyncio.ensure_future(action)
    end = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait({doing, end}, return_when=asyncio.FIRST_COMPLETED)
        if not end.done() and doing.exception() is not None:
            await asyncio.wait({end}, timeout=END_GRACE_S)
        if end.done():
            raise Ended(end.result())
        return doing.result()
    finally:
        for each in (doing, end):
            each.cancel()
        await asyncio.gather(doing, end, return_exceptions=True)
