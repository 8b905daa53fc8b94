"""What operators do with models and their versions, in the original Clipper's vocabulary."""

from collections.abc import Sequence
from typing import Any, Literal, overload

from clipper.client.transport import LONG_TIMEOUT_S, Transport, given
from clipper.core.errors import ClipperError, ErrorCode


class ModelOperations:
    """The registry's models. Every method raises `ClipperError` with what the server refused.

    A version is text; an integer given as one is turned into it.
    """

    _admin: Transport

    def register_model(  # noqa: PLR0913 (the original's words, and all that can be set, by keyword)
        self,
        name: str,
        version: str | int,
        input_type: str,
        image: str | None = None,
        labels: Sequence[str] | None = None,
        batch_size: int = -1,
        *,
        batching: str | None = None,
        batch_delay_ms: float | None = None,
    ) -> None:
        """Register a version whose containers are started by hand; it becomes current at once.

        Args:
            name: the model.
            version: a new version of it.
            input_type: bytes, integers, floats, doubles or strings.
            image: what serves it, for people to read.
            labels: free words.
            batch_size: the largest batch of a replica; -1: the server learns it.
            batching: how batches are sized: none, fixed (to `batch_size`), aimd, quantile or deadline. By default fixed
                if there is a `batch_size`, else what an application linked to it says, else the server's default.
            batch_delay_ms: how long an incomplete batch waits for company, in milliseconds; -1: where that pays. By
                default it does not wait.
        """
        self._admin.post(
            "/admin/add_model",
            {
                "model_name": name,
                "model_version": str(version),
                "input_type": input_type,
                "labels": list(labels or ()),
                "container_name": image or "",
                "model_data_path": "",
                "batch_size": batch_size,
                **given(batching=batching, batch_delay_ms=batch_delay_ms),
            },
        )

    def set_model(
        self,
        name: str,
        version: str | int | None = None,
        *,
        batch_size: int | None = None,
        batching: str | None = None,
        batch_delay_ms: float | None = None,
    ) -> dict[str, Any]:
        """Change settings of a version while it serves: all at once, from its next batch on.

        Args:
            name: the model.
            version: which version of it; by default the current one.
            batch_size: as in `register_model`, as are the others; None leaves a setting as it is.
            batching: a name, or "" for the default.
            batch_delay_ms: milliseconds; -1: where it pays; 0: not.

        Returns:
            What `get_model_info` says then.
        """
        chosen = None if version is None else str(version)
        tuning = given(model_version=chosen, batch_size=batch_size, batching=batching, batch_delay_ms=batch_delay_ms)
        return dict(self._admin.post("/admin/set_model", {"model_name": name, **tuning}))

    def delete_versioned_model(self, name: str, version: str | int) -> None:
        """Stop and remove one version."""
        body = {"model_name": name, "model_version": str(version)}
        self._admin.post("/admin/delete_versioned_model", body, LONG_TIMEOUT_S)

    def delete_model(self, name: str) -> None:
        """Stop and remove every version of a model; refused while an application is linked to it."""
        self._admin.post("/admin/delete_model", {"model_name": name}, LONG_TIMEOUT_S)

    def get_current_model_version(self, name: str) -> str:
        """The version that answers queries; NOT_FOUND if there is no such model."""
        for each in self.get_all_models(verbose=True):
            if each["model_name"] == name and each["is_current_version"]:
                return str(each["model_version"])
        raise _no_model(name)

    @overload
    def get_all_models(self, verbose: Literal[False] = False) -> list[str]: ...
    @overload
    def get_all_models(self, verbose: Literal[True]) -> list[dict[str, Any]]: ...
    def get_all_models(self, verbose: bool = False) -> list[Any]:
        """Every version as `name:version` or, if `verbose`, what `get_model_info` says of each."""
        return list(self._admin.post("/admin/get_all_models", {"verbose": verbose}))

    def get_model_info(self, name: str, version: str | int) -> dict[str, Any] | None:
        """What a version was registered with; None if there is none of that name."""
        return self._admin.post("/admin/get_model", {"model_name": name, "model_version": str(version)}) or None

    def _version_before(self, name: str) -> str:
        """The version that was current when the current one became so; NOT_FOUND if there is none."""
        versions = [each for each in self._admin.get("/admin/state")["models"] if each["name"] == name]
        current = next((each for each in versions if each["current"]), None)
        if current is None:
            raise _no_model(name)
        if not current["previous"]:
            others = [each["version"] for each in versions if each is not current]
            next_step = f"name one of {', '.join(others)}" if others else "deploy another version first"
            message = f"Model {name!r} had no version before its current one, {current['version']!r}: {next_step}"
            raise ClipperError(ErrorCode.NOT_FOUND, message)
        return str(current["previous"])


def _no_model(name: str) -> ClipperError:
    return ClipperError(ErrorCode.NOT_FOUND, f"No model with name {name!r} exists")
