"""`clipper env`: the virtual environments that models run in."""

from typing import TYPE_CHECKING, Any

import typer

from clipper.cli.options import AsJson, Home
from clipper.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(help="The virtual environments that models with requirements run in.", no_args_is_help=True)

MAX_SHOWN = 60
"""Characters of a list of requirements."""


@app.command("list")
def list_environments(home: Home = None, as_json: AsJson = False) -> None:
    """List them, with what each holds and how many bundles run in it."""
    from clipper.client import connect

    with connect(home) as clipper:
        found = clipper.get_environments()
    if as_json:
        show_json(found)
        return
    _show(found, "No model has requirements of its own.")


@app.command("prune")
def prune(home: Home = None) -> None:
    """Delete those that no model version runs in. They are built again when one needs them."""
    from clipper.client import connect

    with connect(home) as clipper:
        gone = clipper.prune_environments()
    if gone:
        _show(gone, "")
    say(f"Deleted {len(gone)} environments, {sum(each['size_bytes'] for each in gone) / 1e6:,.0f} MB")


def _show(found: "Sequence[dict[str, Any]]", empty: str) -> None:
    rows = [
        (
            each["name"][:12],
            each["python"],
            _short(each["requirements"]),
            f"{each['size_bytes'] / 1e6:,.0f}",
            each["bundles"],
        )
        for each in found
    ]
    show_table(("name", "python", "requirements", "MB", "bundles"), rows, empty=empty)


def _short(requirements: "Sequence[str]") -> str:
    text = ", ".join(requirements)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
