"""What operators do with applications, in the original Clipper's vocabulary."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from clipper.client.transport import Transport, given


class ApplicationOperations:
    """Applications and their links to models. Every method raises `ClipperError` with what the server refused."""

    _admin: Transport

    def register_application(  # noqa: PLR0913 (the original's words, and all that can be set, by keyword)
        self,
        name: str,
        input_type: str,
        default_output: str,
        slo_micros: int,
        *,
        policy: str | None = None,
        policy_config: Mapping[str, Any] | None = None,
        priority: int | None = None,
        cache: bool | None = None,
        cache_ttl_s: float | None = None,
        max_disagreement: float | None = None,
        batching: str | None = None,
        confidence_threshold: float | None = None,
    ) -> None:
        """Make an endpoint that answers queries at `/<name>/predict`. What is None is the server's default.

        Args:
            name: lower case letters, digits and '-'.
            input_type: bytes, integers, floats, doubles or strings.
            default_output: what it answers when no model has answered by the deadline.
            slo_micros: the latency objective of each query, in microseconds.
            policy: the selection policy, by name; `majority` by default.
            policy_config: that policy's own settings.
            priority: 0 (the default) to 9; where a model has more than it can do, queries of a higher one go first.
            cache: whether queries may be answered from the prediction cache; by default they are.
            cache_ttl_s: how old a cached output may be, in seconds; 0 (the default): as old as it gets.
            max_disagreement: the share of answers, below 0.5, that may differ from the model's because they were taken
                from a similar input's; 0 (the default): only the same input's are taken.
            batching: how batches for its models are sized where the model does not say: none, aimd, quantile, deadline.
            confidence_threshold: from 0 (the default) to 1; where the policy is less sure of an answer than that, the
                default output is answered.
        """
        tuning = given(
            policy=policy,
            policy_config=policy_config,
            priority=priority,
            cache=cache,
            cache_ttl_s=cache_ttl_s,
            max_disagreement=max_disagreement,
            batching=batching,
            confidence_threshold=confidence_threshold,
        )
        self._admin.post(
            "/admin/add_app",
            {
                "name": name,
                "input_type": input_type,
                "default_output": default_output,
                "latency_slo_micros": slo_micros,
                **tuning,
            },
        )

    def set_application(  # noqa: PLR0913 (all that can be set, by keyword)
        self,
        name: str,
        *,
        policy: str | None = None,
        policy_config: Mapping[str, Any] | None = None,
        priority: int | None = None,
        cache: bool | None = None,
        cache_ttl_s: float | None = None,
        max_disagreement: float | None = None,
        batching: str | None = None,
        confidence_threshold: float | None = None,
    ) -> dict[str, Any]:
        """Change settings of an application while it serves: all at once, from its next query on.

        Args:
            name: the application.
            policy: the selection policy, by name. Another one starts anew: what the old one has learned is forgotten.
            policy_config: all its settings; a new policy has none by default.
            priority: as in `register_application`, as are the others; None leaves a setting as it is.
            cache: whether queries may be answered from the prediction cache.
            cache_ttl_s: seconds; 0: for ever.
            max_disagreement: a share below 0.5; 0: none.
            batching: a name, or "" for the server's default.
            confidence_threshold: 0 to 1; 0: none.

        Returns:
            What `get_app_info` says then.
        """
        tuning = given(
            policy=policy,
            policy_config=policy_config,
            priority=priority,
            cache=cache,
            cache_ttl_s=cache_ttl_s,
            max_disagreement=max_disagreement,
            batching=batching,
            confidence_threshold=confidence_threshold,
        )
        return dict(self._admin.post("/admin/set_app", {"name": name, **tuning}))

    def unregister_application(self, name: str) -> None:
        """Remove an application; its models stay."""
        self._admin.post("/admin/delete_app", {"name": name})

    def delete_application(self, name: str) -> None:
        """The original's older name of `unregister_application`."""
        self.unregister_application(name)

    def link_model_to_app(self, app_name: str, model_name: str) -> None:
        """Let an application ask this model too; both must have the same input type."""
        self._admin.post("/admin/add_model_links", {"app_name": app_name, "model_names": [model_name]})

    def unlink_model_from_app(self, app_name: str, model_name: str) -> None:
        """Let an application no longer ask this model."""
        self._admin.post("/admin/delete_model_links", {"app_name": app_name, "model_names": [model_name]})

    def set_linked_models(self, app_name: str, model_names: Sequence[str]) -> None:
        """Let an application ask exactly these models from now on: one step, no query in between finds none."""
        self._admin.post("/admin/set_model_links", {"app_name": app_name, "model_names": list(model_names)})

    @overload
    def get_all_apps(self, verbose: Literal[False] = False) -> list[str]: ...
    @overload
    def get_all_apps(self, verbose: Literal[True]) -> list[dict[str, Any]]: ...
    def get_all_apps(self, verbose: bool = False) -> list[Any]:
        """The names of all applications or, if `verbose`, what `get_app_info` says of each."""
        return list(self._admin.post("/admin/get_all_applications", {"verbose": verbose}))

    def get_app_info(self, name: str) -> dict[str, Any] | None:
        """What an application was registered with; None if there is none of that name."""
        return self._admin.post("/admin/get_application", {"name": name}) or None

    def get_linked_models(self, app_name: str) -> list[str]:
        """The names of the models an application asks."""
        return list(self._admin.post("/admin/get_linked_models", {"app_name": app_name}))
