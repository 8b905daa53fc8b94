"""`clipper model` and `clipper rollback`: models and which version answers."""

from typing import Annotated, Any

import typer

from clipper.cli.options import AsJson, BatchDelay, Batching, Home, ModelName, OptionalVersion
from clipper.cli.output import say, show_fields, show_json, show_table

app = typer.Typer(help="Models and their versions.", no_args_is_help=True)


@app.command("list")
def list_models(home: Home = None, as_json: AsJson = False) -> None:
    """List every version of every model."""
    from clipper.client import connect

    with connect(home) as clipper:
        models = clipper.get_all_models(verbose=True)
    if as_json:
        show_json(models)
        return
    rows = [
        (
            each["model_name"],
            each["model_version"],
            "current" if each["is_current_version"] else None,
            each["input_type"],
            batch_text(each["batching"], each["batch_size"]),
            each.get("num_replicas"),
            each["labels"],
        )
        for each in models
    ]
    columns = ("model", "version", "", "input type", "batch", "replicas", "labels")
    show_table(columns, rows, empty="No models. `clipper deploy` deploys one.")


@app.command("show")
def show(name: ModelName, version: OptionalVersion = None, home: Home = None, as_json: AsJson = False) -> None:
    """Show one version of a model, by default the current one."""
    from clipper.client import connect

    with connect(home) as clipper:
        chosen = clipper.get_current_model_version(name) if version is None else version
        found = _existing(clipper.get_model_info(name, chosen), name, chosen)
    if as_json:
        show_json(found)
    else:
        show_fields(found)


@app.command("delete")
def delete(name: ModelName, version: OptionalVersion = None, home: Home = None) -> None:
    """Stop and remove a model: one version, or without --version all of them."""
    from clipper.client import connect

    with connect(home) as clipper:
        if version is None:
            clipper.delete_model(name)
        else:
            clipper.delete_versioned_model(name, version)
    say(f"Deleted model {name}" if version is None else f"Deleted model {name}, version {version}")


@app.command("set")
def set_model(
    name: ModelName,
    version: Annotated[
        str | None, typer.Argument(help="Which version. Default: the current one.", show_default=False)
    ] = None,
    batching: Batching = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="The largest batch; -1: learned.", show_default=False)
    ] = None,
    batch_delay_ms: BatchDelay = None,
    home: Home = None,
) -> None:
    """Change a version while it serves; what is not named stays as it is."""
    from clipper.client import connect

    with connect(home) as clipper:
        now = clipper.set_model(name, version, batching=batching, batch_size=batch_size, batch_delay_ms=batch_delay_ms)
    show_fields(now)


@app.command("set-version")
def set_version(
    name: ModelName,
    version: Annotated[str, typer.Argument(help="A version that is deployed.", show_default=False)],
    home: Home = None,
) -> None:
    """Make a version the current one: roll back, or forward."""
    from clipper.client import connect

    with connect(home) as clipper:
        clipper.set_model_version(name, version)
    say(f"Model {name} answers with version {version}")


def rollback(
    name: ModelName,
    version: Annotated[
        str | None,
        typer.Option("--to", help="Which version. Default: the one that was current before.", show_default=False),
    ] = None,
    home: Home = None,
) -> None:
    """Make the version before the current one answer again."""
    from clipper.client import connect

    with connect(home) as clipper:
        before = clipper.get_current_model_version(name)
        now = clipper.rollback(name, version)
    say(f"Model {name} answers with version {now}; it was {before}")


def batch_text(batching: str, batch_size: int) -> str:
    """How batches are sized, as people say it: `adaptive`, `64`, `aimd`."""
    if batching and batching != "fixed":
        return batching
    return "adaptive" if batch_size < 0 else str(batch_size)


def _existing(found: dict[str, Any] | None, name: str, version: str) -> dict[str, Any]:
    from clipper.core.errors import ClipperError, ErrorCode

    if found is None:
        message = f"Model {name!r} has no version {version!r}; `clipper model list` lists them"
        raise ClipperError(ErrorCode.NOT_FOUND, message)
    return found
