"""`clipper app state`: what an application has learned, taken out, brought back, forgotten."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipper.cli.options import ApplicationName, Home
from clipper.cli.output import say

app = typer.Typer(help="What an application's policy has learned.", no_args_is_help=True)


@app.command("export")
def export(
    name: ApplicationName,
    file: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Default: standard output.", show_default=False)
    ] = None,
    home: Home = None,
) -> None:
    """Write what was learned, a line of JSON for each context."""
    from clipper.client import connect

    with connect(home) as clipper:
        pieces = clipper.export_states(name)
        first = next(pieces, b"")  # what is refused leaves no file
        if file is None:
            for piece in (first, *pieces):
                sys.stdout.buffer.write(piece)
            sys.stdout.flush()
            return
        with file.open("wb") as stream:
            stream.write(first)
            stream.writelines(pieces)
    say(f"Wrote what was learned for {name} to {file}")


@app.command("import")
def bring_in(
    name: ApplicationName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `export` has written.", show_default=False)],
    home: Home = None,
) -> None:
    """Go on from what was exported, in place of what is known now."""
    from clipper.client import connect

    with connect(home) as clipper:
        count = clipper.import_states(name, file)
    say(f"Application {name} goes on from {count} state{'' if count == 1 else 's'} of {file}")


@app.command("reset")
def reset(
    name: ApplicationName,
    home: Home = None,
    sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget what was learned, of all contexts."""
    from clipper.client import connect

    if not sure:
        typer.confirm(f"Forget what the policy of {name} has learned, of all contexts?", abort=True)
    with connect(home) as clipper:
        clipper.reset_states(name)
    say(f"What was learned for {name} is forgotten")
