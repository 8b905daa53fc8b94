"""`clipper serve` and `clipper demo`: the commands that run until they are stopped."""

from pathlib import Path
from typing import Annotated

import typer

from clipper.cli.options import Home


def serve(  # noqa: PLR0913, PLR0917 (one parameter for each flag)
    home: Home = None,
    query_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Where applications send queries. Default: 1337; 0: a free one.",
            show_default=False,
        ),
    ] = None,
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Where operators send changes. Default: 1338; 0: a free one.",
            show_default=False,
        ),
    ] = None,
    frontends: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="How many query frontends share the query port. Default: 1.", show_default=False
        ),
    ] = None,
    admin_auth: Annotated[
        str | None,
        typer.Option(
            help="'token', or 'none' (on loopback only). Default: token.", metavar="token|none", show_default=False
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="A Redis server for selection states, such as redis://host:6379/0. Default: the home folder.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    stop_on_stdin_close: Annotated[bool, typer.Option("--stop-on-stdin-close", hidden=True)] = False,
) -> None:
    """Start a server; it runs until it is interrupted. Everything it knows is kept in its home folder.

    More settings: `clipper config show`.
    """
    from clipper import settings
    from clipper.server import run

    flags = {
        "home": home,
        "query_port": query_port,
        "admin_port": admin_port,
        "frontends": frontends,
        "admin_auth": admin_auth,
        "store.url": store,
    }
    raise typer.Exit(run(settings.load(flags), stop_on_stdin_close=stop_on_stdin_close))


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it serving at the end.")] = False,
    home: Annotated[
        Path | None, typer.Option("--home", help="Where to keep it. Default: a temporary folder.", show_default=False)
    ] = None,
) -> None:
    """Train three models on handwritten digits, serve them, query them, break things."""
    from clipper.cli.demo import run_demo

    raise typer.Exit(run_demo(keep=keep, home=home))
