"""The original Clipper's deployers, one for each framework, in terms of `deploy_model`: its words for what that does.

Each takes the user's `func(model, inputs)` with the model, as the original did, and no Docker image. Models that had no
deployer of their own, and new code, use `deploy_model`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from clipper.client.applications import ApplicationOperations
from clipper.client.deployments import DeploymentOperations

PredictFunction = Callable[[Any, Any], Any]
"""From a framework's model and a batch of inputs to as many outputs."""

DEFAULT_SLO_MICROS = 3_000_000
"""The original's for endpoints."""


class DeployerOperations(ApplicationOperations, DeploymentOperations):
    """Every method raises `ClipperError` with what the server refused, as `deploy_model` does."""

    def create_endpoint(  # noqa: PLR0913 (the original's words)
        self,
        name: str,
        input_type: str,
        func: Callable[..., Any] | None = None,
        model: object = None,
        *,
        default_output: str = '"None"',
        version: str | int = 1,
        slo_micros: int = DEFAULT_SLO_MICROS,
        labels: Sequence[str] | None = None,
        num_replicas: int = 1,
        batch_size: int = -1,
        pkgs_to_install: Sequence[str] | None = None,
    ) -> None:
        """Register an application, deploy a model, and link them, all under one name.

        Args:
            name: the application and the model.
            input_type: bytes, integers, floats, doubles or strings.
            func: of a batch of inputs if there is no `model`, else of (model, inputs); None: the model itself predicts.
            model: what `deploy_model` takes.
            default_output: JSON text, answered when no prediction is there in time.
            version: of the model.
            slo_micros: by when queries are answered, in microseconds.
            labels: free words.
            num_replicas: how many processes run it.
            batch_size: the largest batch of a replica; -1: the server learns it.
            pkgs_to_install: pip requirements; the model then runs in an environment of its own.
        """
        self.register_application(name, input_type, default_output, slo_micros)
        self.deploy_model(
            name,
            version,
            func if model is None else model,
            input_type,
            function=None if model is None else func,
            labels=labels or (),
            num_replicas=num_replicas,
            batch_size=batch_size,
            requirements=pkgs_to_install or (),
            app_name=name,
        )

    def deploy_pytorch_model(
        self, name: str, version: str | int, input_type: str, func: PredictFunction, pytorch_model: object, **more: Any
    ) -> None:
        """Deploy a PyTorch module with a function of (module, inputs); `more` as of `deploy_model`."""
        self.deploy_model(name, version, pytorch_model, input_type, function=func, framework="torch", **_known(more))

    def deploy_tensorflow_model(
        self, name: str, version: str | int, input_type: str, func: PredictFunction, saved_model: object, **more: Any
    ) -> None:
        """Deploy a SavedModel with a function of (what it loads as, inputs); `more` as of `deploy_model`."""
        self.deploy_model(name, version, saved_model, input_type, function=func, framework="tensorflow", **_known(more))

    def deploy_keras_model(
        self, name: str, version: str | int, input_type: str, func: PredictFunction, keras_model: object, **more: Any
    ) -> None:
        """Deploy a Keras model or its file with a function of (model, inputs); `more` as of `deploy_model`."""
        self.deploy_model(name, version, keras_model, input_type, function=func, framework="tensorflow", **_known(more))

    def deploy_mxnet_model(
        self, name: str, version: str | int, input_type: str, func: PredictFunction, mxnet_model: object, **more: Any
    ) -> None:
        """Deploy an exported MXNet network with a function of (block, inputs); `more` as of `deploy_model`."""
        self.deploy_model(name, version, mxnet_model, input_type, function=func, framework="mxnet", **_known(more))

    def deploy_pyspark_model(
        self, name: str, version: str | int, input_type: str, func: PredictFunction, pyspark_model: object, **more: Any
    ) -> None:
        """Deploy a fitted Spark pipeline with a function of (model, inputs); `more` as of `deploy_model`.

        The original's function also got the session: a model knows its own (`model.sparkSession`).
        """
        self.deploy_model(name, version, pyspark_model, input_type, function=func, framework="spark", **_known(more))


def _known(more: dict[str, Any]) -> dict[str, Any]:
    """The original's names of options as `deploy_model` has them."""
    requirements = more.pop("pkgs_to_install", None)
    return {**more, "requirements": requirements or more.get("requirements", ()), "labels": more.get("labels") or ()}
