"""`clipper config`: what a server would be told, and by whom."""

import typer

from clipper.cli.options import AsJson, Home
from clipper.cli.output import show_json, show_table

app = typer.Typer(help="The server's settings.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """The server's settings."""


@app.command("show")
def show(home: Home = None, as_json: AsJson = False) -> None:
    """Show every setting, its value, and where that comes from: a default, the file, or the environment."""
    from clipper.settings import explain
    from clipper.store.config import shown

    settings = [
        (each.name, shown(str(each.value)) if each.name == "store.url" else _plain(each.value), each.source)
        for each in explain({"home": home})
    ]
    if as_json:
        show_json({name: {"value": value, "source": source} for name, value, source in settings})
        return
    show_table(("setting", "value", "from"), settings, empty="")


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
