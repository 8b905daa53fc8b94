"""`python -m clipper.container.conformance -- COMMAND`: prints what holds and what does not, and why."""

import argparse
import sys
import tempfile
from pathlib import Path

from clipper.container.conformance.check import Check, Finding, findings
from clipper.container.conformance.checks import arena, batches, flow, frames, handshake, lifecycle
from clipper.container.conformance.subject import Subject, write_agreed_bundle

GROUPS: dict[str, tuple[Check, ...]] = {
    "handshake": handshake.CHECKS,
    "frames": frames.CHECKS,
    "batches": batches.CHECKS,
    "in flight": flow.CHECKS,
    "arena": arena.CHECKS,
    "life and end": lifecycle.CHECKS,
}

_SIGNS = {True: "✓", False: "✗", None: "–"}


def main() -> int:
    """Run the checks; returns the exit code."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="clipper-") as scratch:
        bundle = options.bundle
        if bundle is None:
            bundle = Path(scratch) / "bundle"
            write_agreed_bundle(bundle)
        found = _run(options.command, bundle.absolute(), Path(scratch))
    failed = sum(each.passed is False for each in found)
    left_out = sum(each.passed is None for each in found)
    sys.stdout.write(f"{len(found) - failed - left_out} checks passed, {failed} failed, {left_out} not offered\n")
    return 1 if failed else 0


def _run(command: list[str], bundle: Path, folder: Path) -> list[Finding]:
    found = []
    with Subject(command, bundle, folder) as subject:
        for group, checks in GROUPS.items():
            sys.stdout.write(f"{group}\n")
            for each in findings(checks, subject):
                why = f"\n      {each.why}" if each.why else ""
                sys.stdout.write(f"  {_SIGNS[each.passed]} {each.name}{why}\n")
                sys.stdout.flush()
                found.append(each)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clipper.container.conformance",
        description="Check that a container speaks the protocol of docs/protocol.md. It must serve the agreed model "
        "described there. COMMAND is started here with --bundle, --listen, --model and --version added.",
        epilog="Exit code 0: all checks passed, 1: some did not.",
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR", help="what it is told to load (default: the agreed model for Python)"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --: the program and its arguments")
    return parser


if __name__ == "__main__":
    sys.exit(main())
