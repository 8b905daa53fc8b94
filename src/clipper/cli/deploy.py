"""`clipper deploy`: from a file or a function to a version that answers queries."""

import importlib
import importlib.util
import re
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipper.cli.options import BatchDelay, Batching, Home
from clipper.cli.output import console, say

if TYPE_CHECKING:
    from clipper.client import Clipper, PackageOptions
    from clipper.client.deployments import ProgressListener

DEFAULT_SLO_MS = 100.0
_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


def deploy(  # noqa: PLR0913 (one parameter for each flag)
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model's file or folder, a bundle, or module:name (also file.py:name) of a function or a model.",
            show_default=False,
        ),
    ],
    *,
    name: Annotated[
        str | None, typer.Option(help="The model's name. Default: the file's or the function's.", show_default=False)
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="A new version. Default: the next number.", show_default=False)
    ] = None,
    app: Annotated[
        str | None, typer.Option(help="Link it to this application, made if missing.", show_default=False)
    ] = None,
    input_type: Annotated[
        str | None,
        typer.Option(
            help="bytes, integers, floats, doubles or strings. Default: the application's, else doubles.",
            show_default=False,
        ),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(help="One input, tried first: JSON, or @FILE. An estimator implies one.", show_default=False),
    ] = None,
    framework: Annotated[
        str | None,
        typer.Option(help="Which one it is of. Default: recognised by its content.", show_default=False),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            help="labels, scores (of its classes) or raw (all it answers). Default: labels.", show_default=False
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Each replica's. Default: 1.", show_default=False)
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            help="Of a container in another language: what to start; MODEL is the folder it runs in.",
            show_default=False,
        ),
    ] = None,
    requirement: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            help="A pip requirement (repeatable); it then runs in an environment of its own.",
            show_default=False,
        ),
    ] = None,
    replicas: Annotated[int, typer.Option(min=1, metavar="N", help="How many processes run it.")] = 1,
    batch_size: Annotated[int, typer.Option(metavar="N", help="The largest batch; -1: learned.")] = -1,
    batching: Batching = None,
    batch_delay_ms: BatchDelay = None,
    slo_ms: Annotated[
        float | None,
        typer.Option(
            min=0.001, metavar="MS", help=f"Of a new application. Default: {DEFAULT_SLO_MS:g}.", show_default=False
        ),
    ] = None,
    no_link: Annotated[bool, typer.Option("--no-link", help="Do not link it to --app.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only package it and run it on its example here.")] = False,
    home: Home = None,
) -> None:
    """Deploy a model: it becomes the current version once it has answered its example.

    clipper deploy model.joblib --name svm --app digits
    """
    from clipper.client import PackageOptions, connect

    options = PackageOptions(
        framework=framework,
        input_type=input_type,
        example=_example(example),
        requirements=tuple(requirement or ()),
        output=output,
        threads=threads,
        command=tuple(shlex.split(command or "")),
    )
    chosen_name = name or default_name(model)
    loaded = load_model(model)
    if dry_run:
        _dry_run(loaded, options)
        return
    with connect(home) as clipper:
        application = None if app is None else _Application(clipper, app, slo_ms)
        if application is not None and options.input_type is None and not _is_bundle(loaded):
            options = replace(options, input_type=application.input_type)
        chosen = version or next_version(clipper, chosen_name)
        with _progress() as tell:
            clipper.deploy_model(
                chosen_name,
                chosen,
                loaded,
                options.input_type,
                example=options.example,
                requirements=options.requirements,
                output=options.output,
                framework=options.framework,
                threads=options.threads,
                command=options.command,
                num_replicas=replicas,
                batch_size=batch_size,
                batching=batching,
                batch_delay_ms=batch_delay_ms,
                on_progress=tell,
            )
        say(f"Model {chosen_name} answers with version {chosen}")
        if application is not None:
            application.offer(chosen_name, chosen, link=not no_link)


class _Application:
    """The application a model is deployed for: it exists, or is made once the model works."""

    def __init__(self, clipper: "Clipper", name: str, slo_ms: float | None) -> None:
        from clipper.core.errors import invalid

        self._clipper = clipper
        self._name = name
        self._slo_ms = slo_ms
        self._found = clipper.get_app_info(name)
        if self._found is not None and slo_ms is not None:
            raise invalid(f"Invalid --slo-ms: application {name!r} exists already, with an objective of its own")

    @property
    def input_type(self) -> str | None:
        """What it takes; None if it does not exist yet."""
        return None if self._found is None else str(self._found["input_type"])

    def offer(self, model: str, version: str, *, link: bool) -> None:
        """Make the application if it is missing, and link the model if that is wanted and not done yet."""
        if self._found is None:
            described: dict[str, Any] = self._clipper.get_model_info(model, version) or {}
            slo_micros = round((self._slo_ms or DEFAULT_SLO_MS) * 1000)
            self._clipper.register_application(self._name, described["input_type"], "null", slo_micros)
            say(f"Created application {self._name} (SLO {slo_micros / 1000:g} ms, default output null)")
        if link and model not in self._clipper.get_linked_models(self._name):
            self._clipper.link_model_to_app(self._name, model)
            say(f"Linked {model} to application {self._name}")
        say(
            f"Query it: clipper predict {self._name} INPUT, or POST http://{self._clipper.get_query_addr()}/{self._name}/predict"
        )


def default_name(model: str) -> str:
    """A valid name made of a file's or a function's."""
    text = Path(model).stem if ":" not in model else model.rpartition(":")[2]
    return _NOT_A_NAME.sub("-", text.lower()).strip("-") or "model"


def next_version(clipper: "Clipper", name: str) -> str:
    """One more than the highest version of a model that is a number."""
    versions = [each["model_version"] for each in clipper.get_all_models(verbose=True) if each["model_name"] == name]
    return str(max((int(each) for each in versions if each.isdecimal()), default=0) + 1)


def load_model(model: str) -> object:
    """The object that `module:name` or `file.py:name` names, else the path.

    Raises:
        ClipperError: NOT_FOUND if there is no such module, file or name; MODEL_FAILED with the traceback if it does not
            import.
    """
    from clipper.core.errors import ClipperError, ErrorCode

    place, separator, name = model.rpartition(":")
    if not separator or Path(model).exists():
        return model
    found: object = _import(place)
    for part in name.split("."):
        if not hasattr(found, part):
            raise ClipperError(ErrorCode.NOT_FOUND, f"There is no {name!r} in {place!r}")
        found = getattr(found, part)
    return found


def _import(place: str) -> ModuleType:
    """The operator's module, which may lie in the current folder."""
    from clipper.core.errors import ClipperError, ErrorCode

    path = Path(place)
    sys.path.insert(0, str(path.parent.absolute()) if path.suffix == ".py" else str(Path.cwd()))
    if path.suffix == ".py" and not path.exists():
        raise ClipperError(ErrorCode.NOT_FOUND, f"There is no file {place!r}")
    try:
        return importlib.import_module(path.stem if path.suffix == ".py" else place)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == place.partition(".")[0]:
            message = f"There is no module {place!r} here or installed; run this in its folder"
            raise ClipperError(ErrorCode.NOT_FOUND, message) from None
        message = f"Cannot import {place!r}: {type(error).__name__}: {error}"
        raise ClipperError(ErrorCode.MODEL_FAILED, message, traceback.format_exc()) from error


def _dry_run(model: object, options: "PackageOptions") -> None:
    from clipper.client.packaging.trial import try_packaged

    if options.requirements:
        typer.secho("Requirements are not installed for a dry run: it uses this environment.", dim=True, err=True)
    say(str(try_packaged(model, options)))


def _example(text: str | None) -> object:
    from clipper.cli.queries import json_or_text, read_argument

    if text is None:
        return None
    content = read_argument(text)
    try:
        return json_or_text(content.decode())
    except UnicodeDecodeError:
        return content


def _is_bundle(model: object) -> bool:
    return isinstance(model, str) and Path(model).is_dir()


@contextmanager
def _progress() -> Iterator["ProgressListener"]:
    """Shows the stage under way beside a spinner, and those that are done as lines above it."""
    from rich.markup import escape

    from clipper.client import Progress

    shown = console(stderr=True)
    stages: list[Progress] = []

    def finish() -> None:
        if stages:
            shown.print(f"[green]✓[/] [dim]{escape(stages[-1].stage):<12}[/] {escape(stages[-1].message)}")

    def tell(progress: Progress) -> None:
        if stages and stages[-1].stage != progress.stage:
            finish()
        stages.append(progress)
        spinner.update(f"{escape(progress.stage):<12} {escape(progress.message)}")

    with shown.status("") as spinner:
        yield tell
        finish()
