"""The house rules a linter does not know, each a function from one source text to its violations.

A rule never raises on code it dislikes: it yields `Violation`s, which name the line and say what to do instead.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MAX_FOLDER_MODULES = 12
MAX_NESTING = 3
BANNED_NAMES = frozenset({"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"})

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)
_NOT_ALLOWED_IN_TESTS = frozenset({"skip", "skipif", "xfail", "importorskip"})


class Violation(NamedTuple):
    """One broken rule, on one line of one file."""

    line: int
    message: str


Rule: TypeAlias = Callable[[str], Iterator[Violation]]


def file_is_short(source: str) -> Iterator[Violation]:
    """A file has at most `MAX_FILE_LINES` lines."""
    lines = source.count("\n")
    if lines > MAX_FILE_LINES:
        yield Violation(lines, f"{lines} lines, limit {MAX_FILE_LINES}: probably two modules in one")


def functions_are_short(source: str) -> Iterator[Violation]:
    """A function has at most `MAX_FUNCTION_LINES` lines below its signature and docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _FUNCTIONS):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            if lines > MAX_FUNCTION_LINES:
                yield Violation(node.lineno, f"{node.name}: {lines} lines, limit {MAX_FUNCTION_LINES}")


def code_is_flat(source: str) -> Iterator[Violation]:
    """Branches and loops are nested at most `MAX_NESTING` deep; `elif` and `with` add no depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _FUNCTIONS):
            deepest = max((_depth(statement) for statement in node.body), default=0)
            if deepest > MAX_NESTING:
                yield Violation(
                    node.lineno, f"{node.name}: nested {deepest} deep, limit {MAX_NESTING}: name a part of it"
                )


def environment_is_not_read(source: str) -> Iterator[Violation]:
    """Nothing of `os.environ` or `os.getenv` is used, however it is imported."""
    advice = "only settings.py reads the environment; take the value as an argument"
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv" | "getenvb" as name):
                yield Violation(node.lineno, f"os.{name}: {advice}")
            case ast.ImportFrom(module="os", names=names):
                for alias in names:
                    if alias.name in {"environ", "environb", "getenv", "getenvb"}:
                        yield Violation(node.lineno, f"os.{alias.name}: {advice}")


def tests_do_not_sleep(source: str) -> Iterator[Violation]:
    """No test or fixture sleeps in its own body; a model it defines, which is to be slow, may."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, _FUNCTIONS) and (function.name.startswith("test_") or _is_fixture(function)):
            sleeps = [node for node in _own_nodes(function) if _is_sleep(node)]
            yield from (
                Violation(node.lineno, f"{function.name} sleeps: wait for it, by a deadline") for node in sleeps
            )


def tests_are_not_skipped(source: str) -> Iterator[Violation]:
    """No test is skipped or expected to fail: it holds, or it is mended, or it goes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.Attribute(value=ast.Name(id="pytest"), attr=name)
                | ast.Attribute(value=ast.Attribute(value=ast.Name(id="pytest"), attr="mark"), attr=name)
            ) if name in _NOT_ALLOWED_IN_TESTS:
                yield Violation(node.lineno, f"pytest {name}: a test holds on every machine, or it is mended")


def name_is_telling(path: Path) -> Iterator[Violation]:
    """A module or folder is named after what it owns."""
    if path.stem in BANNED_NAMES:
        yield Violation(1, f"{path.stem!r} says nothing: name it after what it owns")


def _depth(node: ast.AST) -> int:
    """How deep branches are nested at and below a statement, without the functions it defines."""
    if isinstance(node, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
        return 0
    own = 1 if isinstance(node, _BRANCHES) else 0
    below = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        below = max(below, _depth(child) - (1 if is_elif else 0))
    return own + below


def _own_nodes(function: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Everything inside a function, except inside the functions it defines."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(child, ast.expr | ast.stmt):
            yield child
        yield from _own_nodes(child)


def _is_sleep(node: ast.AST) -> bool:
    """`time.sleep(…)` or `asyncio.sleep(…)`; `asyncio.sleep(0)` only yields to the loop and is fine."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time" | "asyncio"), attr="sleep"), args=[argument]):
            return not (isinstance(argument, ast.Constant) and argument.value == 0)
    return False


def _is_fixture(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)
