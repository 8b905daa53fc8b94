"""`clipper app`: applications and their links."""

from typing import Annotated, Any

import typer

from clipper.cli.options import (
    ApplicationBatching,
    ApplicationName,
    AsJson,
    Cache,
    CacheTtl,
    ConfidenceThreshold,
    Home,
    MaxDisagreement,
    PolicyConfig,
    PolicyName,
    Priority,
)
from clipper.cli.output import say, show_fields, show_json, show_table

app = typer.Typer(help="Applications: the endpoints that are queried.", no_args_is_help=True)

Models = Annotated[list[str], typer.Argument(metavar="MODEL...", help="Names of models.", show_default=False)]


@app.command("list")
def list_applications(home: Home = None, as_json: AsJson = False) -> None:
    """List the applications."""
    from clipper.client import connect

    with connect(home) as clipper:
        applications = clipper.get_all_apps(verbose=True)
    if as_json:
        show_json(applications)
        return
    rows = [
        (
            each["name"],
            each["input_type"],
            slo_text(each["latency_slo_micros"]),
            each["default_output"],
            each["linked_models"],
        )
        for each in applications
    ]
    columns = ("application", "input type", "SLO", "default", "models")
    show_table(columns, rows, empty="No applications. `clipper app create` makes one.")


@app.command("show")
def show(name: ApplicationName, home: Home = None, as_json: AsJson = False) -> None:
    """Show one application."""
    from clipper.client import connect

    with connect(home) as clipper:
        found = _existing(clipper.get_app_info(name), name)
    if as_json:
        show_json(found)
    else:
        show_fields(found)


@app.command("create")
def create(  # noqa: PLR0913 (one parameter for each flag)
    name: ApplicationName,
    *,
    input_type: Annotated[str, typer.Option(help="bytes, integers, floats, doubles or strings.")] = "doubles",
    default: Annotated[str, typer.Option(help="Answered when no model has answered in time; JSON or text.")] = "null",
    slo_ms: Annotated[
        float, typer.Option(min=0.001, metavar="MS", help="Every query is answered within this many milliseconds.")
    ] = 100,
    policy: PolicyName = None,
    policy_config: PolicyConfig = None,
    priority: Priority = None,
    cache: Cache = None,
    cache_ttl_s: CacheTtl = None,
    max_disagreement: MaxDisagreement = None,
    batching: ApplicationBatching = None,
    confidence_threshold: ConfidenceThreshold = None,
    home: Home = None,
) -> None:
    """Make an application."""
    from clipper.client import connect

    with connect(home) as clipper:
        clipper.register_application(
            name,
            input_type,
            default,
            round(slo_ms * 1000),
            policy=policy,
            policy_config=settings_of(policy_config),
            priority=priority,
            cache=cache,
            cache_ttl_s=cache_ttl_s,
            max_disagreement=max_disagreement,
            batching=batching,
            confidence_threshold=confidence_threshold,
        )
        address = clipper.get_query_addr()
    say(f"Created application {name}: POST http://{address}/{name}/predict")


@app.command("set")
def set_application(  # noqa: PLR0913 (one parameter for each flag)
    name: ApplicationName,
    *,
    policy: PolicyName = None,
    policy_config: PolicyConfig = None,
    priority: Priority = None,
    cache: Cache = None,
    cache_ttl_s: CacheTtl = None,
    max_disagreement: MaxDisagreement = None,
    batching: ApplicationBatching = None,
    confidence_threshold: ConfidenceThreshold = None,
    home: Home = None,
) -> None:
    """Change an application while it serves; what is not named stays as it is."""
    from clipper.client import connect

    with connect(home) as clipper:
        before = clipper.get_app_info(name) or {}
        now = clipper.set_application(
            name,
            policy=policy,
            policy_config=settings_of(policy_config),
            priority=priority,
            cache=cache,
            cache_ttl_s=cache_ttl_s,
            max_disagreement=max_disagreement,
            batching=batching,
            confidence_threshold=confidence_threshold,
        )
    show_fields(now)
    if now.get("epoch") != before.get("epoch"):
        say(f"What {before['policy']} had learned is forgotten; {now['policy']} starts anew")


@app.command("delete")
def delete(name: ApplicationName, home: Home = None) -> None:
    """Remove an application; its models stay."""
    from clipper.client import connect

    with connect(home) as clipper:
        clipper.unregister_application(name)
    say(f"Deleted application {name}")


@app.command("link")
def link(name: ApplicationName, models: Models, home: Home = None) -> None:
    """Let an application ask these models too."""
    from clipper.client import connect

    with connect(home) as clipper:
        for model in models:
            clipper.link_model_to_app(name, model)
        linked = clipper.get_linked_models(name)
    say(f"Application {name} asks {', '.join(linked)}")


@app.command("unlink")
def unlink(name: ApplicationName, models: Models, home: Home = None) -> None:
    """Let an application no longer ask these models."""
    from clipper.client import connect

    with connect(home) as clipper:
        for model in models:
            clipper.unlink_model_from_app(name, model)
        linked = clipper.get_linked_models(name)
    say(f"Application {name} asks {', '.join(linked) or 'no model: it answers its default output'}")


def settings_of(text: str | None) -> dict[str, Any] | None:
    """A policy's settings as they are typed; None if they are not. Raises INVALID_ARGUMENT."""
    if text is None:
        return None
    import msgspec

    from clipper.core.errors import invalid

    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise invalid(f"Invalid --policy-config {text[:80]!r}: expected a JSON object ({error})") from None


def slo_text(micros: int) -> str:
    """An objective as people say it."""
    return f"{micros / 1000:g} ms"


def _existing(found: dict[str, Any] | None, name: str) -> dict[str, Any]:
    from clipper.core.errors import ClipperError, ErrorCode

    if found is None:
        raise ClipperError(
            ErrorCode.NOT_FOUND, f"No application with name {name!r} exists; `clipper app list` lists them"
        )
    return found
