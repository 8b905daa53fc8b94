"""What the documentation lists is what the code has: settings, vectors, metrics, paths, commands, files."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import typer.main

from clipper.cli.main import app
from clipper.management.admin.api import AdminApi, Operation
from tests.docs import configuration
from tests.docs.shell import code_blocks

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "clipper"
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.glob("*.md"), *DOCS.glob("decisions/*.md")])
VECTORS: dict[str, dict[str, str]] = tomllib.loads((SOURCE / "wire" / "golden_vectors.toml").read_text())
OPERATIONS = AdminApi(*[cast(Any, None)] * 4).operations()


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_configuration_page_is_up_to_date() -> None:
    assert configuration.PAGE.read_text(encoding="utf-8") == configuration.page(), "run `make docs`"


@pytest.mark.parametrize("name", VECTORS)
def test_protocol_quotes_every_golden_vector(name: str) -> None:
    page = text_of("protocol.md")
    assert "".join(VECTORS[name]["hex"].split()) in "".join(page.split())
    assert VECTORS[name]["says"] in page


def test_metrics_are_those_that_are_documented() -> None:
    sources = [SOURCE / "frontend" / "metrics.py", SOURCE / "management" / "admin" / "metrics.py"]
    made = {name for path in sources for name in re.findall(r'"(clipper_\w+)"', path.read_text())}
    listed = set(re.findall(r"^\| `(clipper_\w+)`", text_of("operations.md"), flags=re.MULTILINE))
    assert {name.removesuffix("_total") for name in listed} == made


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
def test_admin_operation_is_documented_with_its_fields(operation: Operation) -> None:
    row = re.search(rf"^\| `(?:POST )?{operation.path}` \|.*$", text_of("rest.md"), flags=re.MULTILINE)
    assert row, "no row for this path in docs/rest.md"
    fields = {each.name for each in msgspec.structs.fields(operation.body)}
    assert not {name for name in fields if f"`{name}`" not in row[0]}


def test_documented_admin_paths_exist() -> None:
    routes = re.findall(r'Route\("(/[^"]+)"', (SOURCE / "management" / "admin" / "app.py").read_text())
    known = {each.path for each in OPERATIONS} | set(routes)
    assert set(re.findall(r"/admin/[a-z_]+", text_of("rest.md"))) | {"/metrics"} == known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_documentation_exist(page: Path) -> None:
    named = re.findall(r"`(?:src/clipper/)?((?:\w+/)+\w+\.py)`", page.read_text(encoding="utf-8"))
    assert not [name for name in named if not (SOURCE / name).exists() and not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documentation_exist(page: Path) -> None:
    assert not [command for command in commands_in(page) if not is_known(command)]


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("0*.md")), ids=lambda page: page.stem)
def test_decision_follows_the_template(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.name[:4]}: ")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Consequences"]


def commands_in(page: Path) -> Iterator[str]:
    """Every use of the `clipper` command: lines of code blocks, and words between backticks."""
    text = page.read_text(encoding="utf-8")
    for _, _, block in code_blocks(page):
        for line in block.splitlines():
            command = re.sub(r"^(\$ |[A-Z_]+=\S+ )", "", line)
            if command.startswith("clipper "):
                yield command.partition("#")[0]
    for inline in re.findall(r"`(clipper [^`]+)`", text):
        yield inline.replace("…", "")


def is_known(command: str) -> bool:
    """Whether the subcommand exists and has the options that are used."""
    words = shlex.split(command)[1:]
    found: Any = typer.main.get_command(app)
    while hasattr(found, "commands") and words and not words[0].startswith("-"):
        following = found.commands.get(words.pop(0))
        if following is None:
            return False
        found = following
    options = {name for parameter in found.params for name in parameter.opts}
    return all(word.partition("=")[0] in options for word in words if word.startswith("--"))
