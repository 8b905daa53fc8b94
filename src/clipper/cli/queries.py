"""`clipper predict` and `clipper feedback`: one query, one truth, from the shell."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clipper.cli.options import ApplicationName, AsJson, Home
from clipper.cli.output import say, show_json

if TYPE_CHECKING:
    from clipper.client import Clipper


def predict(
    name: ApplicationName,
    value: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="JSON or text; @FILE: a file's content; -: standard input.", show_default=False
        ),
    ],
    version: Annotated[
        str | None, typer.Option("--version", help="Ask this version of the model.", show_default=False)
    ] = None,
    context: Annotated[str | None, typer.Option(help="Whose query it is.", show_default=False)] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Send one query to an application and print its output.

    Numbers are a JSON list: clipper predict digits '[0, 1.5, 2]'
    """
    from dataclasses import asdict

    from clipper.client import connect

    content = read_argument(value)
    with connect(home) as clipper:
        asked = as_input(content, _input_type(clipper, name))
        prediction = clipper.application(name).predict(asked, version=version, context=context)
    if as_json:
        show_json(asdict(prediction))
        return
    import msgspec

    output = prediction.output
    say(output if isinstance(output, str) else msgspec.json.encode(output).decode())
    note = f"query_id {prediction.query_id}"
    if prediction.default:
        note += f", the default output: {prediction.default_explanation}"
    if prediction.confidence is not None:
        note += f", confidence {prediction.confidence:.4g}"
    if prediction.models:
        note += ", of " + ", ".join([f"{model} {share:.4g}" for model, share in prediction.models.items()])
    if prediction.missing:
        note += f", without {', '.join(prediction.missing)}"
    typer.secho(note, dim=True, err=True)


def feedback(  # noqa: PLR0913, PLR0917 (one parameter for each flag)
    name: ApplicationName,
    label: Annotated[str | None, typer.Option(help="The true output: JSON or text.", show_default=False)] = None,
    reward: Annotated[
        float | None, typer.Option(help="Or what the answer was worth, from 0 to 1.", show_default=False)
    ] = None,
    query_id: Annotated[int | None, typer.Option(help="Which query, as `predict` says.", show_default=False)] = None,
    value: Annotated[
        str | None, typer.Option("--input", help="Or for which input; as for `predict`.", show_default=False)
    ] = None,
    context: Annotated[str | None, typer.Option(help="Whose query it was.", show_default=False)] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Names this feedback: sent again with it, it counts once.", show_default=False)
    ] = None,
    home: Home = None,
) -> None:
    """Tell an application what became of a query: the true answer, or what the answer was worth."""
    from clipper.client import connect

    with connect(home) as clipper:
        asked = None if value is None else as_input(read_argument(value), _input_type(clipper, name))
        clipper.application(name).feedback(
            None if label is None else json_or_text(label),
            reward=reward,
            query_id=query_id,
            input=asked,
            context=context,
            idempotency_key=idempotency_key,
        )
    say("Feedback received")


def read_argument(value: str) -> bytes:
    """The bytes an argument names: itself, a file's, or standard input's."""
    from clipper.core.errors import invalid

    if value == "-":
        return sys.stdin.buffer.read()
    if value.startswith("@"):
        try:
            return Path(value[1:]).read_bytes()
        except OSError as error:
            raise invalid(f"Cannot read {value[1:]!r}: {error.strerror}") from None
    return value.encode()


def as_input(content: bytes, input_type: str | None) -> object:
    """What to send for an application of this input type; None: unknown, so whatever it looks like."""
    from clipper.core.errors import invalid

    if input_type == "bytes":
        return content
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise invalid("Invalid INPUT: it is not text, and this application does not take bytes") from None
    if input_type == "strings":
        return text
    parsed = json_or_text(text)
    if input_type is not None and isinstance(parsed, str):
        raise invalid(f"Invalid INPUT: expected a JSON list of numbers such as [1, 2.5], as it takes {input_type}")
    return parsed


def json_or_text(text: str) -> object:
    """The JSON value that `text` spells, else the text."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _input_type(clipper: "Clipper", name: str) -> str | None:
    """What an application takes; None if the controller cannot be asked, since queries are answered without it."""
    from clipper.core.errors import ClipperError

    try:
        found = clipper.get_app_info(name)
    except ClipperError:
        return None
    return None if found is None else str(found["input_type"])
