"""What the management plane tells Prometheus."""

from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clipper.management.deployments import Deployments
from clipper.management.environments import EnvironmentFolder
from clipper.management.supervision.supervisor import Supervisor
from clipper.registry.entities import ReplicaState
from clipper.registry.registry import Registry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ManagementMetrics:
    """All metrics of the controller, in a registry of their own."""

    def __init__(self, collector: Collector) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "clipper_admin_requests", "Admin requests answered.", ["path", "code"], registry=self._registry
        )

    def count_request(self, path: str, status: int) -> None:
        """Count one answered request; `path` is one of a bounded number."""
        self._requests.labels(path, str(status)).inc()

    def exposition(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)


class StateCollector(Collector):
    """Reads what exists and what was done at each scrape."""

    def __init__(
        self,
        registry: Registry,
        supervisor: Supervisor,
        deployments: Deployments,
        environments: EnvironmentFolder,
    ) -> None:
        self._registry = registry
        self._supervisor = supervisor
        self._deployments = deployments
        self._environments = environments

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry need not collect everything once to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families."""
        snapshot = self._registry.snapshot()
        yield GaugeMetricFamily("clipper_applications", "Registered applications.", len(snapshot.applications))
        yield GaugeMetricFamily("clipper_models", "Registered model versions.", len(snapshot.models))
        yield self._replicas()
        yield self._restarts()
        deployments = CounterMetricFamily("clipper_deployments", "Deployments ended.", labels=["outcome"])
        deployments.add_metric(["succeeded"], self._deployments.succeeded)
        deployments.add_metric(["failed"], self._deployments.failed)
        yield deployments
        yield CounterMetricFamily("clipper_environments_built", "Virtual environments built.", self._environments.built)

    def _replicas(self) -> Metric:
        family = GaugeMetricFamily("clipper_replicas", "Replicas by state.", labels=["model", "version", "state"])
        tally = Tally((each.model, each.version, each.state) for each in self._supervisor.replicas())
        for name, version in {(name, version) for name, version, _ in tally}:
            for state in ReplicaState:
                family.add_metric([name, version, state.value], tally[name, version, state])
        return family

    def _restarts(self) -> Metric:
        labels = ["model", "version", "replica"]
        family = CounterMetricFamily(
            "clipper_replica_restarts", "How often a replica has ended by itself.", labels=labels
        )
        for each in self._supervisor.replicas():
            family.add_metric([each.model, each.version, str(each.replica_id)], each.restarts)
        return family


class RequestCounter:
    """ASGI middleware that counts what is answered, by path and status."""

    def __init__(self, app: ASGIApp, metrics: ManagementMetrics, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count the status of its answer."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"] if scope["path"] in self._paths else "other"
                self._metrics.count_request(path, message["status"])
            await send(message)

        await self._app(scope, receive, counted)
