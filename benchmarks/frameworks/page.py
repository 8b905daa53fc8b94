"""docs/frameworks.md: its words, and its rows kept from one run to the next."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.frameworks.cases import CASES, IMPOSSIBLE

PAGE = Path("docs/frameworks.md")

_HEAD = """# Frameworks

What can be served, and what it costs in one container. Made by `python -m benchmarks.frameworks`; the models are those
of `examples/`. A framework is recognised by the content of what is deployed, or named with `--framework`; other
containers, in any language, are started by `--command` ([containers.md](containers.md)).

Measured in one process with one thread, for frameworks that are not in the server's own environment in one made from
`requirements/frameworks` and kept where `FRAMEWORKS_HOME` says. *start*: from the start of the process until it has
loaded the model and answered, with byte code on disk, the best of three. *one*, *64*: the median of a batch of one and
of 64 inputs, from the batch's bytes to the answers'. *memory*: resident after that, with the processes that it has
started. Models differ in size and task: rows say nothing of each other, and `--only NAME` renews single ones.

| framework | version | taken | start | one | 64 | memory |
|---|---|---|---|---|---|---|
"""

_TARGETS = """
## What must hold

Starts are of replicas of a logistic regression on the digits, by a running server: from the wish to *ready*, which
includes the launcher, the imports, the warm-up and the answered example; the median of five. No start can be shorter
than its imports, which are beside it. The container's own time is decoding the batch, making it the model's input, and
encoding the outputs; the least of 300 times.

| what | must be | is | |
|---|---|---|---|
"""

_IMPOSSIBLE = """
## What cannot be, or has no loader of its own

| | what was tried, and what is nearest |
|---|---|
"""

Rows = dict[str, str]
"""Lines of the page by what is in their first column."""


def rows_of(lines: Iterable[str]) -> Rows:
    """The rows among lines of Markdown."""
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}


def read() -> Rows:
    """All that the page has."""
    return rows_of(PAGE.read_text().splitlines())


def write(rows: Mapping[str, str], targets: Iterable[str]) -> None:
    """Write the page: the rows of all cases and targets that are there, in their order."""
    measured = [rows[case.title] for case in CASES if case.title in rows]
    held = [rows[title] for title in targets if title in rows]
    impossible = [f"| {name} | {tried} |" for name, tried in IMPOSSIBLE.items()]
    parts = ((_HEAD, measured), (_TARGETS, held), (_IMPOSSIBLE, impossible))
    PAGE.write_text("".join(head + "".join(f"{row}\n" for row in found) for head, found in parts))
