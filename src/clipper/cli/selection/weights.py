"""`clipper app weights`: how much an application's policy relies on each model, drawn as bars, once or live."""

from time import sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipper.cli.options import ApplicationName, AsJson, Context, Home
from clipper.cli.output import console, show_json, table

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

WATCH_INTERVAL_S = 0.5
BAR_CELLS = 40


def weights(
    name: ApplicationName,
    *,
    context: Context = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Draw them as they move, until interrupted.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show how much the policy relies on each model, and how good each has been."""
    from clipper.client import connect

    with connect(home) as clipper:
        if not watch:
            known = clipper.get_weights(name, context)
            if as_json:
                show_json(known)
            else:
                console().print(drawn(known))
            return
        from rich.live import Live

        with Live(console=console(), auto_refresh=False, screen=False) as live:
            while True:
                live.update(drawn(clipper.get_weights(name, context)), refresh=True)
                sleep(WATCH_INTERVAL_S)


def drawn(known: dict[str, Any]) -> "Group":
    """What `get_weights` answers, for people."""
    from rich.console import Group
    from rich.text import Text

    whose = "all contexts" if known["context"] is None else f"context {known['context']}"
    learned = "" if known["learned"] else ", nothing learned yet"
    title = Text(f"{known['application']}: {known['policy']}, {whose}{learned}", style="bold")
    rows = [
        (
            each["model"],
            _bar(each["weight"]),
            f"{each['weight']:.1%}",
            "-" if each["accuracy"] is None else f"{each['accuracy']:.1%}",
            f"{each['feedback']:,.0f}",
            "-" if each["regret"] is None else f"{each['regret']:,.1f}",
        )
        for each in known["models"]
    ]
    title.append(_verdict(known["verdict"]))
    if not rows:
        return Group(title, Text("No model is linked: `clipper app link` links one."))
    return Group(title, table("", ("model", "weight", "", "accuracy", "feedback", "regret"), rows))


def _verdict(test: dict[str, Any] | None) -> str:
    if test is None:
        return ""
    candidate, current = test["candidate"], test["current"]
    said = {"promote": f"{candidate} is promoted", "roll_back": f"{candidate} is rolled back"}.get(test["verdict"])
    return f"; {said or 'undecided: ' + candidate + ' against ' + current} ({test['low']:+.3f} to {test['high']:+.3f})"


def _bar(share: float) -> "Text":
    from rich.text import Text

    eighths = round(share * BAR_CELLS * 8)
    whole, rest = divmod(eighths, 8)
    partial = " ▏▎▍▌▋▊▉"[rest] if rest else ""
    return Text(("█" * whole + partial).ljust(BAR_CELLS), style="cyan")
