"""A bundle with a command, tried without a server: its container is started, greeted, and asked its example."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clipper.container.bundle import Manifest
from clipper.container.commands.link import Link, linked
from clipper.container.commands.process import running_container
from clipper.container.commands.program import command_line, container_arguments
from clipper.container.failures import ModelError, Stage
from clipper.core.errors import ClipperError
from clipper.core.inputs import Input
from clipper.wire.batches import ItemFailure
from clipper.wire.errors import RemoteProtocolError
from clipper.wire.handshake import TOKEN_LENGTH

START_TIMEOUT_S = 120.0
"""To load the model and listen: what a server gives it, too."""

ANSWER_TIMEOUT_S = 60.0

_MODEL, _VERSION = "trial", "1"


@contextmanager
def started_link(folder: Path, manifest: Manifest) -> Iterator[Link]:
    """A link to the container of the bundle in `folder`, which is killed at the end.

    Raises:
        ModelError: with its log as detail, if it does not start or is not what the manifest says.
    """
    with tempfile.TemporaryDirectory(prefix="clipper-") as scratch:
        address, token = f"unix:{scratch}/socket", secrets.token_hex(TOKEN_LENGTH // 2)
        bundle = folder.absolute()
        try:
            command = command_line(manifest.command, bundle, None) + container_arguments(
                bundle, address, _MODEL, _VERSION
            )
            with running_container(command, bundle, address, token, Path(scratch) / "log") as process:
                connection = process.dial(START_TIMEOUT_S)
                with linked(connection, ANSWER_TIMEOUT_S) as link:
                    welcome = link.greet(token)
                    if welcome.input_type is not manifest.input_type:
                        raise RemoteProtocolError(
                            f"The container says that its inputs are {welcome.input_type}, the manifest says "
                            f"{manifest.input_type}: correct the input_type of one of them"
                        )
                    yield link
        except ModelError:
            raise
        except ClipperError as error:
            raise ModelError(Stage.LOAD, error.message, error.detail) from None


def answer_example_over(link: Link, example: Input, size: int) -> list[str]:
    """The outputs, as JSON texts, for a batch of `size` times the example. Raises ModelError for a failed one."""
    doing = f"Predicting the example in a batch of {size}"
    outputs = []
    try:
        outcomes = link.predict([example] * size).outcomes
    except RemoteProtocolError as error:
        raise ModelError(Stage.EXAMPLE, f"{doing} failed: {error.message}") from None
    for outcome in outcomes:
        if isinstance(outcome, ItemFailure):
            raise ModelError(Stage.EXAMPLE, f"{doing} failed: {outcome.message}")
        outputs.append(outcome.decode())
    return outputs
