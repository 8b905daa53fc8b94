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
Context: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="CONTEXT", help="Of this user or session; else of all together.", show_default=False),
]
PolicyName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="NAME",
        help="How models are selected, such as majority, hedge or split.",
        show_default=False,
    ),
]
PolicyConfig: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="The policy's own settings, such as '{\"eta\": 0.1}'.", show_default=False),
]
Priority: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", help="0 to 9: who goes first where a model has more than it can do.", show_default=False),
]
Cache: TypeAlias = Annotated[
    bool | None,
    typer.Option("--cache/--no-cache", help="Whether the prediction cache may answer.", show_default=False),
]
CacheTtl: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="S", help="How old a cached output may be, in seconds; 0: for ever.", show_default=False),
]
MaxDisagreement: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="The share of answers that may differ from the model's, taken from a similar input's; 0: none.",
        show_default=False,
    ),
]
ApplicationBatching: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How batches for its models are sized: none, aimd, quantile or deadline; '': the server's default.",
        show_default=False,
    ),
]
ConfidenceThreshold: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="C",
        help="From 0 to 1: the default is answered where the policy is less sure of another answer.",
        show_default=False,
    ),
]
Batching: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How batches are sized: none, fixed (to --batch-size), aimd, quantile or deadline; '': the default.",
        show_default=False,
    ),
]
BatchDelay: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="MS",
        help="How long an incomplete batch waits for company, in milliseconds; -1: where that pays.",
        show_default=False,
    ),
]
OptionalVersion: TypeAlias = Annotated[
    str | None, typer.Option("--version", help="Only this version.", show_default=False)
]
