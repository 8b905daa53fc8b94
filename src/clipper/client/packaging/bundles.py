"""From something that predicts to a bundle: what was recognised, with what the operator says, as a folder.

Runs on the operator's side only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from clipper.client.packaging.closures import dump_function
from clipper.client.packaging.commands import command_artifact
from clipper.client.packaging.frameworks import Artifact, installed_versions, recognise
from clipper.client.transport import to_json
from clipper.container.bundle import COMMAND, MANIFEST_NAME, Manifest, bundle_files, read_manifest, write_bundle
from clipper.core.inputs import InputType, parse_input_type

FUNCTION_FILE = "predict.pkl"
"""The operator's own function; no framework gives its model that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOptions:
    """What the operator says about a model. None or empty: what the model itself implies.

    Attributes:
        framework: which one it is of; by default it is recognised.
        input_type: what one input is; "doubles" if nothing implies another.
        example: one input; a container answers it before it is called ready.
        requirements: pip requirements of an environment of its own; empty: the server's own environment.
        output: "labels" (what the model predicts), "scores" (of its classes) or "raw" (all that it answers).
        function: a function of (model, inputs) that predicts in the model's place.
        threads: how many a replica may compute with; by default 1.
        command: of a container in another language: program and arguments; the model is the folder it finds.
        description: a line for people.
    """

    framework: str | None = None
    input_type: str | None = None
    example: object = None
    requirements: Sequence[str] = ()
    output: str | None = None
    function: Callable[[Any, Any], Any] | None = None
    threads: int | None = None
    command: Sequence[str] = ()
    description: str = ""


def package(model: object, folder: Path, options: PackageOptions) -> Manifest:
    """Make `folder`, which must not exist, the bundle of `model`.

    Raises:
        ClipperError: INVALID_ARGUMENT if it is nothing that can be packaged or its example does not fit its input
            type, NOT_FOUND for a path where nothing is, MODEL_FAILED with a traceback for a file that does not load.
    """
    if isinstance(model, str | Path) and (Path(model) / MANIFEST_NAME).is_file():
        return _package_bundle(Path(model), folder, options)
    artifact = command_artifact(model, options.command) if options.command else recognise(model, options.framework)
    files = dict(artifact.files)
    if options.function is not None:
        files[FUNCTION_FILE] = dump_function(options.function)
    manifest = _manifest(artifact, options)
    write_bundle(folder, manifest, files, artifact.save)
    return manifest


def _manifest(artifact: Artifact, options: PackageOptions) -> Manifest:
    input_type = _input_type(artifact, options)
    manifest = Manifest(
        framework=artifact.framework,
        entry=artifact.entry,
        input_type=input_type,
        input_shape=artifact.input_shape,
        output=options.output or "labels",
        classes=artifact.classes,
        function="" if options.function is None else FUNCTION_FILE,
        example=_example(options.example, artifact, input_type),
        requirements=_requirements(artifact, options.requirements),
        versions=installed_versions(artifact.packages),
        threads=1 if options.threads is None else options.threads,
        batch_sizes=artifact.batch_sizes,
        command=artifact.command,
        description=options.description,
    )
    return manifest if artifact.python is None else replace(manifest, python=artifact.python)


def _package_bundle(source: Path, folder: Path, options: PackageOptions) -> Manifest:
    """A copy of a bundle, its manifest changed where the operator says so."""
    manifest = read_manifest(source)
    files: dict[str, bytes | Path] = dict(bundle_files(source))
    changes: dict[str, Any] = {
        name: value
        for name in ("framework", "output", "threads", "description")
        if (value := getattr(options, name)) not in (None, "")
    }
    if options.input_type is not None:
        changes["input_type"] = parse_input_type(options.input_type)
    if options.example is not None:
        changes["example"] = _as_json(options.example)
    if options.requirements:
        changes["requirements"] = tuple(options.requirements)
    if options.command:
        changes["framework"] = COMMAND
        changes["command"] = tuple(options.command)
    if options.function is not None:
        files[FUNCTION_FILE] = dump_function(options.function)
        changes["function"] = FUNCTION_FILE
    manifest = replace(manifest, **changes)
    write_bundle(folder, manifest, files)
    return manifest


def _input_type(artifact: Artifact, options: PackageOptions) -> InputType:
    if options.input_type is not None:
        return parse_input_type(options.input_type)
    return artifact.input_type or InputType.DOUBLES


def _requirements(artifact: Artifact, given: Sequence[str]) -> tuple[str, ...]:
    return tuple(given) or artifact.requirements


def _example(given: object, artifact: Artifact, input_type: InputType) -> Any:
    """One input as JSON: the operator's, else the model's own, else zeros where it says how many it takes."""
    if given is not None:
        return _as_json(given)
    if artifact.example is not None:
        return artifact.example
    shape = artifact.input_shape
    if not shape or -1 in shape or input_type in (InputType.BYTES, InputType.STRINGS):
        return None
    return _zeros(shape, 0 if input_type is InputType.INTEGERS else 0.0)


def _zeros(shape: Sequence[int], zero: float) -> list[Any]:
    return [_zeros(shape[1:], zero) if shape[1:] else zero for _ in range(shape[0])]


def _as_json(example: object) -> Any:
    return msgspec.json.decode(to_json(example))
