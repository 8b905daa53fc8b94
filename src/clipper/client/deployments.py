"""How a version comes to answer queries: packaged, uploaded, tried on its example, made current; and back again."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipper.client.packaging import PackageOptions, package
from clipper.client.replicas import ReplicaOperations
from clipper.client.transport import LONG_TIMEOUT_S, Transport, error_from_fields, given
from clipper.container.archive import pack
from clipper.core.errors import ClipperError, ErrorCode

DEPLOY_TIMEOUT_S = 1800.0
"""Between two lines of progress: as long as the server gives the building of one environment."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a deployment is.

    Attributes:
        stage: package, dry-run, upload, unpack, environment, start, ready or switch.
        message: a line for people.
    """

    stage: str
    message: str


ProgressListener = Callable[[Progress], None]


class DeploymentOperations(ReplicaOperations):
    """Deploying, and choosing the current version. Every method raises `ClipperError` with what the server refused."""

    def deploy_model(  # noqa: PLR0913 (all that can be said of a deployment, by keyword)
        self,
        name: str,
        version: str | int,
        model: object,
        input_type: str | None = None,
        *,
        example: object = None,
        requirements: Sequence[str] = (),
        output: str | None = None,
        framework: str | None = None,
        function: Callable[[Any, Any], Any] | None = None,
        threads: int | None = None,
        command: Sequence[str] = (),
        labels: Sequence[str] = (),
        num_replicas: int = 1,
        batch_size: int = -1,
        batching: str | None = None,
        batch_delay_ms: float | None = None,
        app_name: str | None = None,
        on_progress: ProgressListener | None = None,
    ) -> None:
        """Package a model, start it, and make it the current version once it has answered its example.

        A deployment that fails leaves nothing behind, and the version before it goes on answering.

        Args:
            name: the model.
            version: a new version of it.
            model: a function of a batch, a fitted model of any framework in `docs/frameworks.md`, an object with
                `predict_batch` or `predict`, or the path of a file or folder that one was saved to, or of a bundle.
            input_type: bytes, integers, floats, doubles or strings; by default doubles.
            example: one input, tried before the version becomes current; an estimator implies one.
            requirements: pip requirements; the model then runs in an environment of its own.
            output: "labels" (the default), "scores" of its classes, or "raw": all that the model answers.
            framework: which one the model is of; by default it is recognised.
            function: a function of (model, inputs) that predicts in the model's place, with the model as its
                framework loads it.
            threads: how many each replica may compute with; by default 1.
            command: of a container in another language: the program, a file of the folder `model` or found by the
                server, and its arguments; see `docs/containers.md`.
            labels: free words.
            num_replicas: how many processes run it.
            batch_size: the largest batch of a replica; -1: the server learns it.
            batching: how batches are sized, see `register_model`.
            batch_delay_ms: how long an incomplete batch waits for company, in milliseconds; -1: where that pays. By
                default it does not wait.
            app_name: link the model to this application too.
            on_progress: told of every stage.

        Raises:
            ClipperError: MODEL_FAILED with the container's traceback in `detail` if the model does not work.
        """
        tell = on_progress or _ignore
        options = PackageOptions(
            framework=framework,
            input_type=input_type,
            example=example,
            requirements=requirements,
            output=output,
            function=function,
            threads=threads,
            command=command,
        )
        query = {
            "model_name": name,
            "model_version": str(version),
            "replicas": num_replicas,
            "batch_size": batch_size,
            "labels": ",".join(labels),
            **given(batching=batching, batch_delay_ms=batch_delay_ms, app_name=app_name),
        }
        with tempfile.TemporaryDirectory(prefix="clipper-bundle-") as scratch:
            tell(Progress("package", "Packaging the model"))
            bundle = Path(scratch) / "bundle"
            manifest = package(model, bundle, options)
            if manifest.framework == "python" and manifest.example is None:
                tell(Progress("package", "Packaged without an example: the first query will be the first to try it"))
            if manifest.framework == "python" and not manifest.requirements and manifest.example is not None:
                _try_here(bundle, tell)
            _upload(self._admin, bundle, query, tell)

    def deploy_python_closure(  # noqa: PLR0913 (the original's words)
        self,
        name: str,
        version: str | int,
        input_type: str,
        func: Callable[[Any], Any],
        *,
        labels: Sequence[str] | None = None,
        num_replicas: int = 1,
        batch_size: int = -1,
        pkgs_to_install: Sequence[str] | None = None,
        example: object = None,
    ) -> None:
        """Deploy a Python function with everything it refers to; see `deploy_model`.

        Args:
            name: the model.
            version: a new version of it.
            input_type: bytes, integers, floats, doubles or strings.
            func: from a list or array of inputs to as many outputs.
            labels: free words.
            num_replicas: how many processes run it.
            batch_size: the largest batch of a replica; -1: the server learns it.
            pkgs_to_install: pip requirements; the function then runs in an environment of its own.
            example: one input, tried before the version becomes current.
        """
        self.deploy_model(
            name,
            version,
            func,
            input_type,
            labels=labels or (),
            num_replicas=num_replicas,
            batch_size=batch_size,
            requirements=pkgs_to_install or (),
            example=example,
        )

    def set_model_version(self, name: str, version: str | int, num_replicas: int | None = None) -> None:
        """Make a registered version the current one: roll back, or forward. One that was stopped is started first.

        Args:
            name: the model.
            version: any registered version of it.
            num_replicas: run this many of it first.
        """
        if num_replicas is not None:
            self.set_num_replicas(name, num_replicas, version)
        body = {"model_name": name, "model_version": str(version)}
        self._admin.post("/admin/set_model_version", body, LONG_TIMEOUT_S)

    def rollback(self, name: str, version: str | int | None = None) -> str:
        """Make an earlier version of a model current again.

        Args:
            name: the model.
            version: which one; by default the one that was current when the current one became so. From there the
                next roll-back goes further back.

        Returns:
            The version that is current now.

        Raises:
            ClipperError: NOT_FOUND if there is no such model, or no version was current before the current one.
        """
        target = self._version_before(name) if version is None else str(version)
        self.set_model_version(name, target)
        return target

    def get_environments(self) -> list[dict[str, Any]]:
        """The virtual environments of models: `[{"name", "python", "requirements", "size_bytes", "bundles"}]`."""
        return list(self._admin.post("/admin/get_environments", {}))

    def prune_environments(self) -> list[dict[str, Any]]:
        """Delete the environments that no model version runs in; returns those, as `get_environments` has them."""
        return list(self._admin.post("/admin/prune_environments", {}, LONG_TIMEOUT_S))


def _try_here(bundle: Path, tell: ProgressListener) -> None:
    """Run a function on its example before it is uploaded: its author sees the traceback at once."""
    from clipper.container.dry_run import dry_run  # noqa: PLC0415 (NumPy, for this one step)

    tell(Progress("dry-run", "Trying the example"))
    dry_run(bundle)


def _upload(admin: Transport, bundle: Path, query: dict[str, object], tell: ProgressListener) -> None:
    """Send a bundle and follow the deployment to its end."""
    with tempfile.TemporaryFile(prefix="clipper-bundle-") as archive:
        pack(bundle, archive)
        size_bytes = archive.tell()
        archive.seek(0)
        tell(Progress("upload", f"Uploading {size_bytes / 1000:,.0f} kB"))
        with closing(admin.upload("/admin/deploy", archive, size_bytes, query, DEPLOY_TIMEOUT_S)) as events:
            for event in events:
                match event:
                    case {"event": "progress", "stage": str(stage), "message": str(message)}:
                        tell(Progress(stage, message))
                    case {"event": "ready"}:
                        return
                    case {"event": "failed"}:
                        raise error_from_fields(event)
    raise ClipperError(
        ErrorCode.UNAVAILABLE,
        "The controller went away before it said how the deployment ended; "
        "look at `clipper status`, and deploy again if the version is not there",
    )


def _ignore(_: Progress) -> None:
    pass
