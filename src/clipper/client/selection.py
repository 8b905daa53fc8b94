"""What operators see and steer of the selection layer: weights, and what was learned, there and back."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clipper.client.transport import LONG_TIMEOUT_S, Transport, given
from clipper.core.errors import ClipperError, ErrorCode


class SelectionOperations:
    """What the policy of an application has learned. Every method raises `ClipperError` with what was refused."""

    _admin: Transport

    def get_weights(self, app_name: str, context: str | None = None) -> dict[str, Any]:
        """How much the policy of an application relies on each model, and how good each has been.

        Args:
            app_name: the application.
            context: whose state; None: what all contexts together have taught.

        Returns:
            `{"application", "policy", "context", "learned", "models": [{"model", "weight", "accuracy", "feedback",
            "regret"}]}`; accuracy and regret are None where there was no feedback, or the policy does not count it.
        """
        body = given(app_name=app_name, context=context)
        return dict(self._admin.post("/admin/get_weights", body))

    def compare_policies(self, app_name: str) -> dict[str, Any]:
        """What each policy, and each model alone, would have earned on the newest queries with feedback.

        Returns:
            `{"application", "queries", "earned", "policies": [{"policy", "model", "current", "told", "earned", "ips",
            "why"}]}`, the best first; what was earned is `{"mean", "low", "high"}`, `earned` of a policy is the doubly
            robust estimate, `told` on how many queries the log itself says what would have come of it.
        """
        return dict(self._admin.post("/admin/compare_policies", {"app_name": app_name}, LONG_TIMEOUT_S))

    def reset_states(self, app_name: str) -> None:
        """Let the policy begin as if there had been no feedback, from the next query on."""
        self._admin.post("/admin/reset_states", {"app_name": app_name}, LONG_TIMEOUT_S)

    def export_states(self, app_name: str) -> Iterator[bytes]:
        """What was learned, in pieces to be written to a file one after the other."""
        yield from self._admin.download("/admin/export_states", {"app_name": app_name}, LONG_TIMEOUT_S)

    def import_states(self, app_name: str, path: str | Path) -> int:
        """Let the policy go on from an exported file, in place of what it knows now; returns how many states it had.

        Raises:
            ClipperError: INVALID_ARGUMENT for a file that cannot be read, or that the policy cannot go on from.
        """
        try:
            with Path(path).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                query = {"app_name": app_name}
                answers = list(self._admin.upload("/admin/import_states", file, size, query, LONG_TIMEOUT_S))
        except OSError as error:
            raise ClipperError(ErrorCode.INVALID_ARGUMENT, f"Cannot read {path}: {error.strerror}") from None
        return int(answers[-1]["states"])
