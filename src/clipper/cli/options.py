"""The options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Home: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--home", help="The server's home folder. Default: $CLIPPER_HOME, else ~/.clipper", show_default=False
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ModelName: TypeAlias = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name.", show_default=False)]
ApplicationName: TypeAlias = Annotated[
    str, typer.Argument(metavar="APP", help="The application's name.", show_default=False)
]
OptionalVersion: TypeAlias = Annotated[
    str | None, typer.Option("--version", help="Only this version.", show_default=False)
]
