"""`clipper app policies`: what each policy would have earned on the newest queries with feedback."""

from typing import Any

from clipper.cli.options import ApplicationName, AsJson, Home
from clipper.cli.output import say, show_json, show_table


def policies(name: ApplicationName, home: Home = None, as_json: AsJson = False) -> None:
    """Show what each other policy, and each model alone, would have earned on the newest queries with feedback.

    Doubly robust and by inverse propensities (IPS), with the intervals that hold in 95 of 100 cases. «known» is on how
    many queries the log itself says what would have come of it.
    """
    from clipper.client import connect

    with connect(home) as clipper:
        table = clipper.compare_policies(name)
    if as_json:
        show_json(table)
        return
    if not table["queries"]:
        say(f"No query of {name} has been judged since the server started: `clipper feedback` tells what was right")
        return
    say(f"{name} earned {_percent(table['earned'])} on its newest {table['queries']:,} queries with feedback")
    best = max((each["earned"]["mean"] for each in table["policies"] if each["model"] and each["told"]), default=None)
    if best is not None:
        regret = (best - table["earned"]["mean"]) * table["queries"]
        say(f"Regret against its best single model: {regret:,.1f}")
    columns = ("policy", "would have earned", "by IPS", "known")
    show_table(columns, [_row(each) for each in table["policies"]], empty="No model is linked.")


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    name = row["policy"] if row["model"] is None else f"{row['model']} alone"
    if row["current"]:
        name += " (now)"
    if not row["told"]:
        return name, row["why"], None, 0
    return name, _percent(row["earned"]), _percent(row["ips"]), f"{row['told']:,}"


def _percent(earned: dict[str, float]) -> str:
    return f"{earned['mean']:.1%} ({earned['low']:.1%} to {earned['high']:.1%})"
