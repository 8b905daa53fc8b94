"""What operators do with the running copies of models, in the original Clipper's vocabulary."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from clipper.client.models import ModelOperations
from clipper.client.transport import LONG_TIMEOUT_S


class ReplicaOperations(ModelOperations):
    """Replicas, their logs, and stopping them. Every method raises `ClipperError` with what the server refused.

    A stopped version stays registered: `set_num_replicas` starts it again.
    """

    def get_num_replicas(self, name: str, version: str | int | None = None) -> int:
        """How many replicas of a version, by default the current one, are running."""
        wanted = self.get_current_model_version(name) if version is None else str(version)
        replicas = self.get_all_model_replicas(verbose=True)
        return sum((each["model_name"], each["model_version"]) == (name, wanted) for each in replicas)

    def set_num_replicas(self, name: str, num_replicas: int, version: str | int | None = None) -> None:
        """Run this many replicas of a version, by default the current one; returns when they are ready."""
        body: dict[str, Any] = {"model_name": name, "num_replicas": num_replicas}
        if version is not None:
            body["model_version"] = str(version)
        self._admin.post("/admin/set_num_replicas", body, LONG_TIMEOUT_S)

    @overload
    def get_all_model_replicas(self, verbose: Literal[False] = False) -> list[str]: ...
    @overload
    def get_all_model_replicas(self, verbose: Literal[True]) -> list[dict[str, Any]]: ...
    def get_all_model_replicas(self, verbose: bool = False) -> list[Any]:
        """Every replica as `name:version:id` or, if `verbose`, what `get_model_replica_info` says of each."""
        return list(self._admin.post("/admin/get_all_containers", {"verbose": verbose}))

    def get_model_replica_info(self, name: str, version: str | int, replica_id: int) -> dict[str, Any] | None:
        """What is known of one replica; None if there is none of that id."""
        body = {"model_name": name, "model_version": str(version), "replica_id": replica_id}
        return self._admin.post("/admin/get_container", body) or None

    def get_logs(
        self,
        name: str,
        version: str | int | None = None,
        replica_id: int | None = None,
        lines: int | None = None,
    ) -> list[dict[str, Any]]:
        """The ends of the logs of a model's replicas: `[{"model", "version", "replica_id", "text"}]`.

        Args:
            name: the model.
            version: only of this version.
            replica_id: only of this replica.
            lines: how many lines of each; by default as many as the server gives.
        """
        body: dict[str, Any] = {"model_name": name}
        if version is not None:
            body["model_version"] = str(version)
        if replica_id is not None:
            body["replica_id"] = replica_id
        if lines is not None:
            body["lines"] = lines
        return list(self._admin.post("/admin/get_logs", body)["logs"])

    def get_clipper_logs(self, logging_dir: str | Path = "clipper_logs") -> list[Path]:
        """Write the log of every replica into a folder, made if missing; returns the files."""
        folder = Path(logging_dir)
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for name in sorted({each["model_name"] for each in self.get_all_models(verbose=True)}):
            for log in self.get_logs(name):
                path = folder / f"{log['model']}-{log['version']}-{log['replica_id']}.log"
                path.write_text(log["text"], encoding="utf-8")
                files.append(path)
        return files

    def stop_models(self, model_names: Sequence[str]) -> None:
        """Stop every replica of every version of these models."""
        self._stop(each for each in self.get_all_models(verbose=True) if each["model_name"] in model_names)

    def stop_versioned_models(self, model_versions_dict: Mapping[str, Sequence[str | int]]) -> None:
        """Stop every replica of these versions: model name to versions."""
        for name, versions in model_versions_dict.items():
            for version in versions:
                self.set_num_replicas(name, 0, version)

    def stop_inactive_model_versions(self, model_names: Sequence[str]) -> None:
        """Stop every replica of these models' versions that are not current; a roll-back starts them again."""
        self._stop(
            each
            for each in self.get_all_models(verbose=True)
            if each["model_name"] in model_names and not each["is_current_version"]
        )

    def stop_all_model_containers(self) -> None:
        """Stop every replica of every model."""
        self._stop(self.get_all_models(verbose=True))

    def _stop(self, versions: Iterable[Mapping[str, Any]]) -> None:
        running = {(each["model_name"], each["model_version"]) for each in self.get_all_model_replicas(verbose=True)}
        for each in versions:
            if (each["model_name"], each["model_version"]) in running:
                self.set_num_replicas(each["model_name"], 0, each["model_version"])
