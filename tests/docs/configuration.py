"""Writes `docs/configuration.md` from the settings dataclasses: `python -m tests.docs.configuration`."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from clipper.settings import PREFIX, ServeSettings

SOURCE = Path(__file__).parents[2] / "src"
PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"

HEAD = """# Configuration

Every setting of `clipper serve`. A flag wins over the environment, that over `clipper.toml` in the home folder, that
over the default. A name that is not known is an error that names the nearest one that is. `clipper config show`
prints each setting, its value, and where that came from.

```
clipper serve --query-port 8080                   # --home --query-port --admin-port --frontends --admin-auth --store
CLIPPER_CACHE_MAX_BYTES=268435456 clipper serve   # environment: CLIPPER_ and the name, dots as underscores
```

```toml
# clipper.toml in the home folder
frontends = 2

[cache]
max_bytes = 268435456
```

This page is made by `make docs` from the code.
"""


LARGE = 10_000
"""From here on digits are grouped; a port is not."""


class Row(NamedTuple):
    """One setting."""

    name: str
    default: str
    variable: str
    meaning: str


def page() -> str:
    """The whole text."""
    parts = [HEAD]
    for section, meaning, rows in sections():
        parts.append(f"\n## {f'[{section}]' if section else 'Top level'}\n\n")
        if meaning:
            parts.append(f"{meaning}\n\n")
        parts.append("| setting | default | environment | |\n|---|---|---|---|\n")
        parts += [f"| `{row.name}` | {row.default} | `{row.variable}` | {row.meaning} |\n" for row in rows]
    return "".join(parts)


def sections() -> Iterator[tuple[str, str, list[Row]]]:
    """(name, what it is for, its settings) of the top level and of each table of the file."""
    yield from _sections(ServeSettings, "", "")


def _sections(cls: Any, section: str, meaning: str) -> Iterator[tuple[str, str, list[Row]]]:
    hints = get_type_hints(cls)
    meanings = dict(_meanings(cls))
    nested, rows = [], []
    for each in dataclasses.fields(cls):
        name = f"{section}.{each.name}" if section else each.name
        if dataclasses.is_dataclass(hints[each.name]):
            nested.append((hints[each.name], name, meanings.get(each.name) or _summary(hints[each.name])))
        else:
            rows.append(Row(each.name, _default(each), PREFIX + name.replace(".", "_").upper(), meanings[each.name]))
    if rows:
        yield section, meaning, rows
    for kind, name, its_meaning in nested:
        yield from _sections(kind, name, its_meaning)


def _meanings(cls: Any) -> Iterator[tuple[str, str]]:
    """What is said of each field: under «Attributes:», or in a string below it."""
    attributes = (inspect.getdoc(cls) or "").partition("Attributes:\n")[2]
    for match in re.finditer(r"^ {4}([\w, ]+): (.*(?:\n {8}.*)*)", attributes, flags=re.MULTILINE):
        for name in match[1].split(", "):
            yield name, _sentence(match[2])
    definition = _definition(cls)
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield name, _sentence(said)


def _definition(cls: Any) -> ast.ClassDef:
    """From the source: a class of a compiled module does not know where it stands."""
    module = SOURCE.joinpath(*cls.__module__.split(".")).with_suffix(".py")
    found = [node for node in ast.parse(module.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    return next(node for node in found if node.name == cls.__name__)


def _summary(cls: Any) -> str:
    return _sentence((inspect.getdoc(cls) or "").partition("\n\n")[0])


def _sentence(text: str) -> str:
    """On one line, starting with a capital and ending with a full stop."""
    joined = " ".join(text.split()).replace("|", "\\|")
    return f"{joined[0].upper()}{joined[1:].rstrip('.')}."


def _default(each: "dataclasses.Field[Any]") -> str:
    if each.default is dataclasses.MISSING:
        return "`~/.clipper`"  # the home folder, the one setting whose default is made when the server starts
    match each.default:
        case int() as value if value >= LARGE:
            return f"{value:,}"
        case float() as value:
            return f"{value:g}"
        case value:
            return str(value) or "(empty)"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
