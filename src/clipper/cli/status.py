"""`clipper status`: everything that exists and how it is doing, once or live."""

from math import isnan
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clipper.cli.applications import slo_text
from clipper.cli.measures import Measures, latency_quantile, rate, read_measures
from clipper.cli.models import batch_text
from clipper.cli.options import AsJson, Home
from clipper.cli.output import console, show_json, table
from clipper.cli.replicas import last_line

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from clipper.client import Clipper

WATCH_INTERVAL_S = 1.0
GLANCE_S = 0.3
"""Between the two looks from which a single status takes its rates."""

STYLES = {"ready": "green", "starting": "yellow", "stopping": "yellow", "backoff": "red"}


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every second, until interrupted.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show applications, models and replicas, and how queries are doing."""
    from clipper.client import connect

    with connect(home) as clipper:
        if watch:
            _watch(clipper)
            return
        before = _look(clipper)
        state = clipper.state()
        if before is not None and state["applications"]:
            sleep(GLANCE_S)
        after = _look(clipper)
    if as_json:
        show_json({**state, "measures": _as_json(state, before, after)})
        return
    console().print(_render(state, before, after))


def _watch(clipper: "Clipper") -> None:
    from rich.live import Live

    before = _look(clipper)
    with Live(console=console(), auto_refresh=False, screen=False) as live:
        while True:
            sleep(WATCH_INTERVAL_S)
            after = _look(clipper)
            live.update(_render(clipper.state(), before, after), refresh=True)
            before = after


def _look(clipper: "Clipper") -> Measures | None:
    """What the frontends have measured; None while none of them answers."""
    from clipper.core.errors import ClipperError

    try:
        return read_measures(clipper.inspect_instance(), monotonic())
    except ClipperError:
        return None


def _render(state: dict[str, Any], before: Measures | None, after: Measures | None) -> "Group":
    from rich.console import Group
    from rich.text import Text

    if not state["applications"] and not state["models"]:
        return Group(Text("Running, and empty. `clipper deploy MODEL --app NAME` makes it answer queries."))
    return Group(_applications(state, before, after), Text(""), _models(state, after))


def _applications(state: dict[str, Any], before: Measures | None, after: Measures | None) -> Any:
    rows = []
    for each in state["applications"]:
        name = each["name"]
        linked = ", ".join(each["models"]) or "none: it answers its default output"
        objective = slo_text(each["latency_slo_micros"])
        traffic = _traffic(name, before, after)
        rows.append((name, each["input_type"], objective, linked, _policy(each), *traffic))
    columns = ("application", "input type", "SLO", "models", "policy", "queries", "default", "queries/s", "p50", "p99")
    return table("", columns, rows)


def _policy(application: dict[str, Any]) -> str:
    """How models are selected, and how a split that is to end itself stands."""
    policy = str(application["policy"])
    test = application["policy_config"].get("verdict")
    if policy != "split" or not test:
        return policy
    said = {"promote": "promoted", "roll_back": "rolled back"}.get(test.get("decided"))
    return f"split: {test['candidate']} {said}" if said else f"split: {test['candidate']} against {test['current']}"


def _traffic(name: str, before: Measures | None, after: Measures | None) -> tuple[str, ...]:
    if after is None:
        return ("?",) * 5
    queries, defaults = after.queries.get(name, 0.0), after.defaults.get(name, 0.0)
    shares = (f"{queries:,.0f}", f"{defaults / queries:.2%}" if queries else "-")
    if before is None:
        return (*shares, "-", "-", "-")
    quantiles = (milliseconds(latency_quantile(before, after, name, each)) for each in (0.5, 0.99))
    return (*shares, f"{rate(before, after, name):,.0f}", *quantiles)


def _models(state: dict[str, Any], after: Measures | None) -> Any:
    rows = []
    for each in state["models"]:
        name, version = each["name"], each["version"]
        replicas = [one for one in state["replicas"] if (one["model"], one["version"]) == (name, version)]
        ready = sum(one["state"] == "ready" for one in replicas)
        errors = [last_line(one["error"]) for one in replicas if one["error"]]
        rows.append(
            (
                name,
                version,
                "current" if each["current"] else None,
                "by hand" if each["bundle"] is None else f"{ready}/{each['replicas']}",
                _states(replicas),
                sum(one["restarts"] for one in replicas),
                batch_text(each["batching"], each["batch_size"]),
                "?" if after is None else f"{after.predictions.get((name, version), 0.0):,.0f}",
                errors[0] if errors else None,
            )
        )
    columns = ("model", "version", "", "ready", "state", "restarts", "batch", "predictions", "last error")
    return table("", columns, rows)


def _states(replicas: list[dict[str, Any]]) -> "Text":
    from rich.text import Text

    names = sorted({each["state"] for each in replicas})
    return Text(", ").join(Text(each, style=STYLES.get(each, "")) for each in names) if names else Text("stopped")


def milliseconds(seconds: float) -> str:
    """A latency as people read it."""
    return "-" if isnan(seconds) else f"{seconds * 1000:.1f} ms"


def _as_json(state: dict[str, Any], before: Measures | None, after: Measures | None) -> dict[str, Any] | None:
    """The same numbers for programs, by application."""
    if before is None or after is None:
        return None
    return {
        name: {
            "queries": after.queries.get(name, 0.0),
            "defaults": after.defaults.get(name, 0.0),
            "queries_per_s": rate(before, after, name),
            "p50_s": _number(latency_quantile(before, after, name, 0.5)),
            "p99_s": _number(latency_quantile(before, after, name, 0.99)),
        }
        for name in (each["name"] for each in state["applications"])
    }


def _number(value: float) -> float | None:
    return None if isnan(value) else value
