"""`python -m clipper.container`: the process of one replica.

Ends with 0 when asked to (SIGTERM) or left alone, 3 if an import fails, 4 if the model cannot be loaded, 5 if it cannot
answer its example, 6 if it cannot listen; the model's own traceback is on stderr. The token comes by the environment,
since other users can read a command line; this is the one place outside the settings that reads it, and it removes it,
so that the model and what it starts never see it.
"""

import argparse
import faulthandler
import gc
import io
import logging
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from clipper.container.dry_run import dry_run
from clipper.container.failures import ModelError
from clipper.container.listening import address_of, listening
from clipper.container.memory import keep_freed_memory
from clipper.container.model import Model, answer_example, load_model
from clipper.container.runner import Identity, Runner
from clipper.core.errors import ClipperError
from clipper.wire.handshake import TOKEN_LENGTH

TOKEN_VARIABLE = "CLIPPER_CONTAINER_TOKEN"  # noqa: S105  the name of the variable, not the token

CANNOT_LISTEN = 6

_logger = logging.getLogger("clipper.container")


def main() -> int:
    """Run the container; returns the exit code."""
    parser = _parser()
    options = parser.parse_args()
    token = os.environ.pop(TOKEN_VARIABLE, "")  # noqa: TID251  see above
    faulthandler.enable()  # a crash in a framework's native code names the line that called it
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what the model prints is in its log when one looks
    try:
        if options.dry_run:
            sys.stdout.write(f"{dry_run(options.bundle)}\n")
            return 0
        if not (options.listen and options.model and options.version):
            parser.error("--listen, --model and --version are required, unless --dry-run")
        if len(token) != TOKEN_LENGTH:
            parser.error(f"the environment variable {TOKEN_VARIABLE} must hold {TOKEN_LENGTH} hexadecimal digits")
        return _serve(options, Identity(options.model, options.version, token))
    except ModelError as error:
        sys.stderr.write(f"{error.detail}{error.message}\n")
        return error.stage
    except ClipperError as error:
        sys.stderr.write(f"{error.message}\n")
        return CANNOT_LISTEN


def _serve(options: argparse.Namespace, identity: Identity) -> int:
    keep_freed_memory()
    model = _warm_model(options.bundle)
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(listening(options.listen))
        except OSError as error:
            sys.stderr.write(f"Cannot listen on {options.listen}: {error}\n")
            return CANNOT_LISTEN
        runner = Runner(model, identity, listener, options.orphan_grace_s)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: runner.stop())
        _logger.info("Ready: %s version %s on %s", identity.model, identity.version, address_of(listener))
        try:
            while runner.goes_on():
                runner.turn()
        finally:
            runner.leave()
    return 0


def _warm_model(folder: Path) -> Model:
    """The model, after it has answered its example; what it has loaded is then no longer the collector's business.

    Nor is it before: a framework is many objects that all stay, and looking through them again and again while they
    become more is a fifth of the time it takes to import one.
    """
    start = time.perf_counter()
    gc.disable()
    model = load_model(folder, time.monotonic)
    if model.example is not None:
        for size in model.warm_up_sizes:
            answer_example(model, model.example, size)
    gc.collect()
    gc.freeze()
    gc.enable()
    _logger.info("Loaded and warmed up in %.2f s", time.perf_counter() - start)
    return model


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clipper.container",
        description="Serve one replica of a model. Started by Clipper's controller; run it by hand with --dry-run.",
        epilog=f"The environment variable {TOKEN_VARIABLE} holds the token: {TOKEN_LENGTH} hexadecimal digits, the "
        "first half for who dials, the second for this process. Exit codes: 0 asked to end or left alone, 3 an import "
        "failed, 4 the model cannot be loaded, 5 it cannot answer its example, 6 the address cannot be used.",
    )
    parser.add_argument("--bundle", type=Path, required=True, metavar="DIR", help="folder with manifest.json")
    parser.add_argument("--listen", metavar="ADDRESS", help="unix:/absolute/path or tcp:host:port")
    parser.add_argument("--model", metavar="NAME", help="the name it answers to")
    parser.add_argument("--version", metavar="V", help="the version of the model")
    parser.add_argument("--dry-run", action="store_true", help="run the example, print its output and time, and end")
    parser.add_argument(
        "--orphan-grace-s",
        type=float,
        default=10.0,
        metavar="S",
        help="end by itself after so many seconds without a peer (default %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
