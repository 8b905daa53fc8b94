"""Every admin path that takes a JSON body: what it carries, and the operation behind it.

Operations answer a text, as the original does after a change, or something to be written as JSON.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import parse_input_type
from clipper.management.admin import bodies
from clipper.management.admin.views import application_view, container_view, model_view
from clipper.management.environment_use import EnvironmentUse
from clipper.management.environments import EnvironmentInfo
from clipper.management.operations import Operations
from clipper.management.selection.comparison import Comparison
from clipper.registry.entities import Application, Model
from clipper.registry.registry import Registry
from clipper.registry.tuning import ApplicationChange, ModelChange
from clipper.selection.policies import policy_named


class Operation(NamedTuple):
    """One path.

    Attributes:
        body: the type of what it carries.
        run: from the body to the answer.
        changes: whether it changes something, so that the guard has to let it in.
        original: whether the path is the original's, where failures are texts.
    """

    path: str
    body: type[bodies.Body]
    run: Callable[[Any], Awaitable[object]]
    changes: bool = True
    original: bool = True


class AdminApi:
    """The operations by path; `operations` lists them."""

    def __init__(
        self, registry: Registry, operations: Operations, comparison: Comparison, environments: EnvironmentUse
    ) -> None:
        self._registry = registry
        self._environments = environments
        self._comparison = comparison
        self._operations = operations

    def operations(self) -> list[Operation]:
        """All paths, the original's first."""
        return [
            Operation("/admin/add_app", bodies.AddApplication, self._add_application),
            Operation("/admin/delete_app", bodies.ApplicationName, self._delete_application),
            Operation("/admin/add_model_links", bodies.Links, self._add_links),
            Operation("/admin/delete_model_links", bodies.Links, self._delete_links),
            Operation("/admin/add_model", bodies.AddModel, self._add_model),
            Operation("/admin/delete_versioned_model", bodies.ModelVersion, self._delete_version),
            Operation("/admin/set_model_version", bodies.ModelVersion, self._set_version),
            Operation("/admin/get_all_applications", bodies.Verbose, self._all_applications, changes=False),
            Operation("/admin/get_all_models", bodies.Verbose, self._all_models, changes=False),
            Operation("/admin/get_all_containers", bodies.Verbose, self._all_containers, changes=False),
            Operation("/admin/get_application", bodies.ApplicationName, self._get_application, changes=False),
            Operation("/admin/get_linked_models", bodies.LinkedApplication, self._get_links, changes=False),
            Operation("/admin/get_model", bodies.ModelVersion, self._get_model, changes=False),
            Operation("/admin/get_container", bodies.Container, self._get_container, changes=False),
            Operation("/admin/get_state", bodies.SelectionState, self._get_state, changes=False),
            Operation("/admin/set_app", bodies.SetApplication, self._set_application, original=False),
            Operation("/admin/set_model", bodies.SetModel, self._set_model, original=False),
            Operation("/admin/set_model_links", bodies.Links, self._set_links, original=False),
            Operation("/admin/delete_model", bodies.ModelName, self._delete_model, original=False),
            Operation("/admin/set_num_replicas", bodies.NumReplicas, self._set_replicas, original=False),
            Operation("/admin/get_logs", bodies.Logs, self._get_logs, changes=False, original=False),
            Operation("/admin/get_weights", bodies.StateOwner, self._get_weights, changes=False, original=False),
            Operation("/admin/compare_policies", bodies.LinkedApplication, self._compare, original=False),
            Operation("/admin/get_environments", bodies.Nothing, self._all_environments, changes=False, original=False),
            Operation("/admin/prune_environments", bodies.Nothing, self._prune_environments, original=False),
            Operation("/admin/reset_states", bodies.LinkedApplication, self._reset_states, original=False),
        ]

    async def _all_environments(self, _: bodies.Nothing) -> list[EnvironmentInfo]:
        return await self._environments.all()

    async def _prune_environments(self, _: bodies.Nothing) -> list[EnvironmentInfo]:
        return await self._environments.prune()

    async def _add_application(self, body: bodies.AddApplication) -> str:
        application = Application(
            name=body.name,
            input_type=parse_input_type(body.input_type),
            default_output=body.default_output,
            latency_slo_micros=body.latency_slo_micros,
            policy_config=body.policy_config,
            priority=body.priority,
            cache=body.cache,
            cache_ttl_s=body.cache_ttl_s,
            max_disagreement=body.max_disagreement,
            batching=body.batching,
            confidence_threshold=body.confidence_threshold,
        )
        if body.policy is not None:
            application = replace(application, policy=body.policy)
        policy_named(application.policy, application.policy_config)
        await self._registry.add_application(application)
        return f"Successfully added application with name '{body.name}'"

    async def _delete_application(self, body: bodies.ApplicationName) -> str:
        await self._operations.delete_application(body.name)
        return f"Successfully deleted application with name '{body.name}'"

    async def _add_links(self, body: bodies.Links) -> str:
        await self._registry.link_models(body.app_name, body.model_names)
        if len(body.model_names) == 1:
            return f"Successfully linked model with name '{body.model_names[0]}' to application '{body.app_name}'"
        return f"Successfully linked models with names {_quoted(body.model_names)} to application '{body.app_name}'"

    async def _delete_links(self, body: bodies.Links) -> str:
        await self._registry.unlink_models(body.app_name, body.model_names)
        return "Success!"

    async def _add_model(self, body: bodies.AddModel) -> str:
        input_type = parse_input_type(body.input_type)
        model = Model(
            name=body.model_name,
            version=body.model_version,
            input_type=input_type,
            labels=tuple(body.labels),
            container_name=body.container_name,
            model_data_path=body.model_data_path,
            batch_size=body.batch_size,
            batching=body.batching,
            batch_delay_ms=body.batch_delay_ms,
        )
        await self._registry.add_model(model, make_current=True)
        return f"Successfully added model with name '{body.model_name}' and input type '{input_type}'"

    async def _delete_version(self, body: bodies.ModelVersion) -> str:
        await self._operations.delete_version(body.model_name, body.model_version)
        return f"Successfully deleted model with name '{body.model_name}' and version '{body.model_version}'"

    async def _set_version(self, body: bodies.ModelVersion) -> str:
        await self._operations.set_model_version(body.model_name, body.model_version)
        return f"Successfully set model with name '{body.model_name}' to version '{body.model_version}'"

    async def _all_applications(self, body: bodies.Verbose) -> object:
        applications = self._registry.snapshot().applications
        return [application_view(each) for each in applications.values()] if body.verbose else list(applications)

    async def _all_models(self, body: bodies.Verbose) -> object:
        snapshot = self._registry.snapshot()
        if body.verbose:
            return [model_view(each, snapshot) for each in snapshot.models.values()]
        return [f"{name}:{version}" for name, version in snapshot.models]

    async def _all_containers(self, body: bodies.Verbose) -> object:
        snapshot = self._registry.snapshot()
        if body.verbose:
            return [container_view(each, snapshot) for each in snapshot.replicas.values()]
        return [f"{name}:{version}:{replica_id}" for name, version, replica_id in snapshot.replicas]

    async def _get_application(self, body: bodies.ApplicationName) -> object:
        found = self._registry.snapshot().applications.get(body.name)
        return {} if found is None else application_view(found)

    async def _get_links(self, body: bodies.LinkedApplication) -> object:
        return list(self._application(body.app_name).models)

    async def _get_model(self, body: bodies.ModelVersion) -> object:
        snapshot = self._registry.snapshot()
        found = snapshot.models.get((body.model_name, body.model_version))
        return {} if found is None else model_view(found, snapshot)

    async def _get_container(self, body: bodies.Container) -> object:
        snapshot = self._registry.snapshot()
        found = snapshot.replicas.get((body.model_name, body.model_version, body.replica_id))
        return {} if found is None else container_view(found, snapshot)

    async def _get_state(self, body: bodies.SelectionState) -> str:
        return self._application(body.app_name).default_output

    async def _set_application(self, body: bodies.SetApplication) -> object:
        change = ApplicationChange(
            policy=body.policy,
            policy_config=body.policy_config,
            priority=body.priority,
            cache=body.cache,
            cache_ttl_s=body.cache_ttl_s,
            max_disagreement=body.max_disagreement,
            batching=body.batching,
            confidence_threshold=body.confidence_threshold,
        )
        return application_view(await self._operations.set_application(body.name, change))

    async def _set_model(self, body: bodies.SetModel) -> object:
        change = ModelChange(batch_size=body.batch_size, batching=body.batching, batch_delay_ms=body.batch_delay_ms)
        changed = await self._operations.set_model(body.model_name, body.model_version, change)
        return model_view(changed, self._registry.snapshot())

    async def _set_links(self, body: bodies.Links) -> object:
        await self._registry.relink_models(body.app_name, body.model_names)
        return {"message": f"Application '{body.app_name}' is linked to {_quoted(body.model_names) or 'no model'} now"}

    async def _delete_model(self, body: bodies.ModelName) -> object:
        await self._operations.delete_model(body.model_name)
        return {"message": f"Successfully deleted model with name '{body.model_name}' in all its versions"}

    async def _set_replicas(self, body: bodies.NumReplicas) -> object:
        version = await self._operations.set_num_replicas(body.model_name, body.model_version, body.num_replicas)
        return {"model": body.model_name, "version": version, "num_replicas": body.num_replicas}

    async def _get_logs(self, body: bodies.Logs) -> object:
        logs = await self._operations.read_logs(body.model_name, body.model_version, body.replica_id, body.lines)
        return {"logs": [each._asdict() for each in logs]}

    async def _get_weights(self, body: bodies.StateOwner) -> object:
        return await self._operations.learning.weights(body.app_name, body.context)

    async def _compare(self, body: bodies.LinkedApplication) -> object:
        return await self._comparison.compare(body.app_name)

    async def _reset_states(self, body: bodies.LinkedApplication) -> object:
        await self._operations.learning.reset(body.app_name)
        return {"message": f"What was learned for application '{body.app_name}' is forgotten"}

    def _application(self, name: str) -> Application:
        found = self._registry.snapshot().applications.get(name)
        if found is None:
            raise ClipperError(ErrorCode.NOT_FOUND, f"No application with name '{name}' exists.")
        return found


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
