"""What commands print: tables, JSON, one line of success, one red line of failure."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from clipper.core.errors import ClipperError

PIPE_WIDTH = 240
"""Columns of a table that no terminal shows: wide enough that nothing is cut for the program that reads it."""


def console(*, stderr: bool = False) -> "Console":
    """Where to print for people; colours and width are the terminal's."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, width=None if stream.isatty() else PIPE_WIDTH, soft_wrap=True)


def say(message: str) -> None:
    """One line: what was done."""
    typer.echo(message)


def show_json(value: object) -> None:
    """A value as indented JSON."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Rows under column titles, or the line `empty` if there are none."""
    lines = list(rows)
    if not lines:
        typer.echo(empty)
        return
    console().print(table("", columns, lines))


def show_fields(fields: Mapping[str, Any]) -> None:
    """One thing, a line for each of its fields."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        typer.echo(f"{name:<{width}}  {value_text(value)}")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> "Table":
    """A plain table; cells are texts, or rich renderables."""
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 3, 0, 0)
    )
    for column in columns:
        made.add_column(column, header_style="dim", overflow="fold")
    for row in rows:
        made.add_row(*(each if isinstance(each, Text) else Text(value_text(each)) for each in row))
    return made


def value_text(value: object) -> str:
    """A value in a table or a line: lists separated by commas, nothing as a dash."""
    if value is None or value in ("", [], ()):
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def show_error(error: "ClipperError") -> None:
    """The model's own traceback if there is one, then one red line that says what is wrong and what to do."""
    if error.detail:
        typer.echo(error.detail.rstrip(), err=True)
    show_failure(error.message)


def show_failure(message: str) -> None:
    """One red line on standard error."""
    line = " ".join(message.split())
    typer.secho(f"error: {line}", fg=typer.colors.RED, err=True)
