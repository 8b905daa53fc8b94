"""What is told of a model's failures: its own traceback without our frames, a summary for callers, not too often."""

import logging
import traceback
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from types import TracebackType

from clipper.core.errors import ClipperError, ErrorCode

MAX_MESSAGE_CHARACTERS = 1000
"""Of one item's failure: it travels to the frontend with each failed query."""

LOG_INTERVAL_S = 1.0
"""A model that fails every query fills a disk in minutes if each failure leaves a traceback."""

_OUR_FRAMES = (str(Path(__file__).parent), "src/clipper/container/", "<frozen runpy>", "<frozen importlib")
"""Where they are; compiled modules name their files as they were given to the compiler."""

_logger = logging.getLogger(__name__)


class Stage(IntEnum):
    """How far a model came before it failed; the value is the exit code of its container."""

    IMPORT = 3
    LOAD = 4
    EXAMPLE = 5


class ModelError(ClipperError):
    """A model that cannot be served. `detail` is its traceback."""

    def __init__(self, stage: Stage, message: str, detail: str = "") -> None:
        super().__init__(ErrorCode.MODEL_FAILED, message, detail)
        self.stage = stage


def model_error(stage: Stage, doing: str, error: BaseException) -> ModelError:
    """`error`, raised by the model's code at `stage` while `doing`, as what an operator should read."""
    detail = user_traceback(error)
    if isinstance(error, ImportError):
        module = error.name or "?"
        return ModelError(
            Stage.IMPORT,
            f"{doing} failed, the module {module!r} cannot be imported ({summary(error)}): "
            f"name its package in requirements, for example requirements=[{module.partition('.')[0]!r}]",
            detail,
        )
    return ModelError(stage, f"{doing} failed: {summary(error)}", detail)


def summary(error: BaseException) -> str:
    """`TypeError: …`: how the traceback of `error` ends, with its notes."""
    text = "".join(traceback.format_exception_only(error)).strip()
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[: MAX_MESSAGE_CHARACTERS - 1] + "…"


def user_traceback(error: BaseException) -> str:
    """The traceback of `error` from where it enters the model's own code; all of it if it never does."""
    inner = error.__traceback__
    while inner is not None and _is_ours(inner):
        inner = inner.tb_next
    return "".join(traceback.format_exception(type(error), error, inner or error.__traceback__))


class FailureLog:
    """Writes the tracebacks of failed predictions, at most one in `LOG_INTERVAL_S`, and says how many it left out.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._quiet_until = -float("inf")
        self._left_out = 0

    def write(self, doing: str, error: BaseException) -> None:
        """Log `error`, raised by the model's code while `doing`, unless one was logged just now."""
        now = self._clock()
        if now < self._quiet_until:
            self._left_out += 1
            return
        self._quiet_until = now + LOG_INTERVAL_S
        left_out = f" ({self._left_out} more failures since the last one shown)" if self._left_out else ""
        self._left_out = 0
        _logger.error("%s failed%s\n%s", doing, left_out, user_traceback(error))


def _is_ours(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(_OUR_FRAMES)
