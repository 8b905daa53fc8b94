"""The `clipper` command: its groups, and what happens to errors.

Every other module of the package is imported by the command that needs it, so that `clipper --help` is instant.
"""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clipper import __version__
from clipper.cli import applications, config, deploy, models, queries, replicas, serve, status
from clipper.cli.artifacts import bundles, environments
from clipper.cli.bench import command as bench
from clipper.cli.output import show_error, show_failure
from clipper.cli.selection import policies, states, weights
from clipper.core import inputs
from clipper.core.errors import ClipperError


class ClipperGroup(TyperGroup):
    """Turns errors into one red line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; `--traceback` lets a bug of our own through."""
        try:
            return super().invoke(ctx)
        except ClipperError as error:
            show_error(error)
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort, KeyboardInterrupt, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.params.get("traceback") or _is_usage_error(error):
                raise
            show_failure(
                f"{type(error).__name__}: {error}. This is a bug of Clipper: "
                "`clipper --traceback …` shows where; please report it"
            )
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=ClipperGroup,
    help="Serve predictions: deploy models, link them to applications, query them within a deadline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("serve")(serve.serve)
app.command("deploy")(deploy.deploy)
app.command("predict")(queries.predict)
app.command("feedback")(queries.feedback)
app.command("bench")(bench.bench)
app.command("status")(status.status)
app.command("logs")(replicas.logs)
app.command("rollback")(models.rollback)
app.command("demo")(serve.demo)
applications.app.command("weights")(weights.weights)
applications.app.command("policies")(policies.policies)
applications.app.add_typer(states.app, name="state")
app.add_typer(applications.app, name="app")
app.add_typer(models.app, name="model")
app.add_typer(replicas.app, name="replica")
app.add_typer(environments.app, name="env")
app.add_typer(bundles.app, name="bundle")
app.add_typer(config.app, name="config")


def build() -> str:
    """Whether setup.py could compile the hot path; any of its modules tells."""
    return "hot path in Python" if str(inputs.__file__).endswith(".py") else "hot path compiled"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clipper {__version__} ({build()})")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show the traceback of a bug.", hidden=True)] = False,
) -> None:
    """Options of every command; `ClipperGroup` reads them."""


def _is_usage_error(error: Exception) -> bool:
    """Whether typer itself says what is wrong with the command line."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")
