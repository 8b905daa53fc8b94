"""`clipper replica` and `clipper logs`: the running copies of models, and what they say."""

from collections.abc import Iterator
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipper.cli.options import AsJson, Home, ModelName, OptionalVersion
from clipper.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    pass

app = typer.Typer(help="Replicas: the running copies of models.", no_args_is_help=True)

FOLLOW_INTERVAL_S = 0.5


@app.command("list")
def list_replicas(
    name: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Only of this model.", show_default=False)
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List the replicas."""
    from clipper.client import connect

    with connect(home) as clipper:
        replicas = [
            each for each in clipper.get_all_model_replicas(verbose=True) if name is None or each["model_name"] == name
        ]
    if as_json:
        show_json(replicas)
        return
    rows = [
        (
            each["model_name"],
            each["model_version"],
            each["model_replica_id"],
            each.get("state"),
            each.get("pid"),
            each.get("restarts"),
            last_line(each.get("error", "")),
        )
        for each in replicas
    ]
    show_table(("model", "version", "replica", "state", "pid", "restarts", "error"), rows, empty="No replicas.")


@app.command("set")
def set_replicas(
    name: ModelName,
    number: Annotated[int, typer.Argument(min=0, help="How many should run; 0 stops them.", show_default=False)],
    version: Annotated[
        str | None, typer.Option("--version", help="Of this version. Default: the current one.", show_default=False)
    ] = None,
    home: Home = None,
) -> None:
    """Run this many replicas of a model; returns when they are ready."""
    from clipper.client import connect

    with connect(home) as clipper:
        clipper.set_num_replicas(name, number, version)
    say(f"Model {name} runs {number} replica{'' if number == 1 else 's'}")


def logs(
    name: ModelName,
    version: OptionalVersion = None,
    replica: Annotated[int | None, typer.Option("--replica", help="Only this replica.", show_default=False)] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000, help="How many of each replica.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until interrupted.")] = False,
    home: Home = None,
) -> None:
    """Print what a model's containers have written."""
    from clipper.client import connect

    printed: dict[tuple[str, int], str] = {}
    with connect(home) as clipper:
        while True:
            found = clipper.get_logs(name, version, replica, lines)
            for line in new_lines(found, printed):
                typer.echo(line)
            if not follow:
                break
            sleep(FOLLOW_INTERVAL_S)
    if not any(printed.values()):
        say(f"The containers of {name} have written nothing.")


def new_lines(logs: list[dict[str, Any]], printed: dict[tuple[str, int], str]) -> Iterator[str]:
    """The lines that are not yet `printed`, which is brought up to date; each says whose it is if there are several."""
    for log in logs:
        key = (log["version"], log["replica_id"])
        label = f"{log['version']}/{log['replica_id']} | " if len(logs) > 1 else ""
        for line in appended(printed.get(key, ""), log["text"]).splitlines():
            yield label + line
        printed[key] = log["text"]


def appended(before: str, after: str) -> str:
    """What the end of a log has that an earlier look at its end had not: `after` begins with some end of `before`."""
    if after.startswith(before):
        return after[len(before) :]
    first_line = after[: after.find("\n") + 1]
    at = before.find(first_line) if first_line else -1
    while at >= 0:
        if (at == 0 or before[at - 1] == "\n") and after.startswith(before[at:]):
            return after[len(before) - at :]
        at = before.find(first_line, at + 1)
    return after


def last_line(text: str) -> str:
    """What a traceback ends with."""
    return text.strip().rpartition("\n")[2]
