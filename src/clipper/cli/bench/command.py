"""`clipper bench`: what it is given, and the run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipper.cli.options import ApplicationName, AsJson, Home

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from clipper.cli.bench.arrivals import Rate, Times
    from clipper.client import Clipper

DEFAULT_RATE = "poisson:100"
DEFAULT_CONNECTIONS = 128


def bench(  # noqa: PLR0913, PLR0917 (one parameter for each flag)
    name: ApplicationName,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help=f"poisson:N or constant:N queries per second; closed:N: N connections, each asks again when it is "
            f"answered. Default: {DEFAULT_RATE}, or the trace's.",
            show_default=False,
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Arrivals of a recorded trace, scaled to --rate: counts per second, or a time for each request.",
            show_default=False,
        ),
    ] = None,
    trace_start: Annotated[float, typer.Option(metavar="S", min=0.0, help="Where in the trace to begin.")] = 0.0,
    duration: Annotated[float, typer.Option(metavar="S", min=0.1, help="How long queries are sent.")] = 10.0,
    slo: Annotated[
        float | None,
        typer.Option(metavar="MS", min=0.001, help="The objective to judge by. Default: its own.", show_default=False),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option("--input", help="One input, for ever: JSON, text or @FILE, as for `predict`.", show_default=False),
    ] = None,
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Inputs in turn: a JSON value in each line.", show_default=False),
    ] = None,
    width: Annotated[
        int, typer.Option(metavar="N", min=1, help="Without inputs: lists of so many random numbers.")
    ] = 8,
    connections: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="At most so many queries under way (open loop).")
    ] = DEFAULT_CONNECTIONS,
    seed: Annotated[int, typer.Option(help="Of the arrivals and of random inputs.")] = 0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Load an application and say how it answered: throughput, what was in time, a histogram of latencies.

    Latencies count from the moment each query was due, so that a server that stalls cannot hide it.
    """
    from dataclasses import asdict

    import numpy as np

    from clipper.cli.bench.arrivals import CLOSED, parse_rate
    from clipper.cli.bench.bodies import random_inputs, requests
    from clipper.cli.bench.screen import progress, show
    from clipper.cli.bench.sender import Sender
    from clipper.cli.output import show_json
    from clipper.client import connect

    rng = np.random.default_rng(seed)
    how = None if rate is None and trace is not None else parse_rate(rate or DEFAULT_RATE)
    closed = how is not None and how.kind == CLOSED
    with connect(home) as clipper:
        own_slo_ms, bodies = _inputs(clipper, name, value, inputs, lambda kind: random_inputs(kind, width, rng))
        host, _, port = clipper.get_query_addr().rpartition(":")
    due = None if closed else _due(how, trace, trace_start, duration, rng)
    at_once = int(how.number) if how is not None and closed else connections
    sender = Sender((host, int(port)), requests(name, host, bodies), at_once)
    with progress(duration) as told:
        record = sender.closed_loop(duration, told) if due is None else sender.open_loop(due, told)
    outcome = record.outcome(own_slo_ms if slo is None else slo)
    if as_json:
        show_json(asdict(outcome))
    else:
        show(outcome, record.latency_ms)


def _due(how: "Rate | None", trace: Path | None, start_s: float, seconds: float, rng: "np.random.Generator") -> "Times":
    """When queries are due in an open loop."""
    from clipper.cli.bench.arrivals import arrivals, parse_rate
    from clipper.cli.bench.traces import replay

    if trace is None:
        return arrivals(how or parse_rate(DEFAULT_RATE), seconds, rng)
    return replay(trace, None if how is None else how.number, start_s, seconds, rng)


def _inputs(
    clipper: "Clipper", name: str, value: str | None, file: Path | None, made: "Callable[[str], list[bytes]]"
) -> tuple[float, list[bytes]]:
    """The application's objective in ms, and what to send as JSON texts; one of them is tried."""
    from clipper.cli.queries import as_input, read_argument
    from clipper.client.transport import to_json
    from clipper.core.errors import ClipperError, ErrorCode, invalid

    if value is not None and file is not None:
        raise invalid("Invalid --inputs: expected either --input or --inputs")
    found = clipper.get_app_info(name)
    if found is None:
        raise ClipperError(ErrorCode.NOT_FOUND, f"No application with name {name!r} exists: see `clipper app list`")
    input_type = str(found["input_type"])
    if value is not None:
        texts = [to_json(as_input(read_argument(value), input_type))]
    elif file is not None:
        texts = [line for line in read_argument(f"@{file}").splitlines() if line.strip()]
    else:
        texts = made(input_type)
    _try(clipper, name, texts)
    return float(found["latency_slo_micros"]) / 1000, texts


def _try(clipper: "Clipper", name: str, texts: list[bytes]) -> None:
    """Say so before the run if a query is not answered by a model. Raises INVALID_ARGUMENT for one that is refused."""
    import msgspec

    from clipper.core.errors import invalid

    if not texts:
        raise invalid("Invalid --inputs: the file has no lines")
    try:
        asked = msgspec.json.decode(texts[0])
    except msgspec.DecodeError as error:
        raise invalid(f"Invalid --inputs: its first line is not JSON: {error}") from None
    prediction = clipper.application(name).predict(asked)
    if prediction.default:
        typer.secho(f"The first query got the default output: {prediction.default_explanation}", fg="yellow", err=True)
