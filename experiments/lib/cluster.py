"""A cluster for one experiment: `clipper serve` with models in containers and applications, gone at the end."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.layer.server import fresh_folder
from benchmarks.peers.clipper import Server, connect, server
from benchmarks.peers.target import post, wait_ready
from clipper.client import Clipper

DEFAULT_OUTPUT = "-1"
PATIENT_MS = 5000.0  # an objective for what is about answers and not about time


@dataclass(frozen=True)
class Cluster:
    """A running server, its operators' client and its folder."""

    server: Server
    client: Clipper
    folder: Path

    @property
    def port(self) -> int:
        """Where queries go."""
        return self.server.query_port

    def deploy(self, models: Mapping[str, object], input_type: str, example: object, **options: Any) -> None:
        """Each model as its version 1; `options` are `deploy_model`'s."""
        for name, model in models.items():
            self.client.deploy_model(name, 1, model, input_type, example=example, **options)

    def application(
        self,
        name: str,
        models: Sequence[str],
        input_type: str,
        *,
        slo_ms: float = PATIENT_MS,
        policy: str | None = None,
        policy_config: Mapping[str, Any] | None = None,
        **tuning: Any,
    ) -> None:
        """Register an application and link it."""
        self.client.register_application(
            name,
            input_type,
            DEFAULT_OUTPUT,
            round(slo_ms * 1000),
            policy=policy,
            policy_config=policy_config,
            **tuning,
        )
        self.client.set_linked_models(name, list(models))

    def wait_for(self, name: str, example: object) -> None:
        """Until an application is answered by its models."""
        body = msgspec.json.encode({"input": example})

        def answers() -> bool:
            return b'"default":false' in post(self.port, f"/{name}/predict", body)

        wait_ready(answers, self.server.alive, self.folder)


@contextlib.contextmanager
def cluster(environment: dict[str, str] | None = None) -> Iterator[Cluster]:
    """All settings as they come, unless the environment has others."""
    with (
        fresh_folder() as folder,
        server(folder, environment) as running,
        connect(running.home, running.alive, folder) as client,
    ):
        yield Cluster(running, client, folder)
