"""The tree keeps the house rules, and each rule catches what it is for."""

from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.rules import Rule

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "clipper"
TESTS = ROOT / "tests"
MAY_READ_ENVIRONMENT = {
    SOURCE / "settings.py",
    SOURCE / "container" / "__main__.py",  # its token, which a command line would show to every user; no settings there
    SOURCE / "container" / "commands" / "process.py",  # handed on to what it starts; nothing in it is looked at
    SOURCE / "container" / "loaders" / "networks" / "theano.py",  # written for Theano, which reads nothing else
}


def broken(rule: Rule, paths: list[Path]) -> list[str]:
    """`path:line: message` for every violation of a rule."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {message}"
        for path in paths
        for line, message in rule(path.read_text(encoding="utf-8"))
    ]


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("rule", [rules.file_is_short, rules.functions_are_short, rules.code_is_flat])
def test_source_is_within_its_budgets(rule: Rule) -> None:
    assert not broken(rule, modules(SOURCE))


def test_only_settings_reads_the_environment() -> None:
    paths = [path for path in modules(SOURCE) if path not in MAY_READ_ENVIRONMENT]
    assert not broken(rules.environment_is_not_read, paths)


@pytest.mark.parametrize("rule", [rules.file_is_short, rules.tests_do_not_sleep, rules.tests_are_not_skipped])
def test_tests_keep_their_rules(rule: Rule) -> None:
    assert not broken(rule, modules(TESTS))


def test_folders_are_small_enough_to_know() -> None:
    folders = {path.parent for path in modules(SOURCE)}
    counts = {folder: len(list(folder.glob("*.py"))) - 1 for folder in folders}  # its __init__ is the folder itself
    crowded = [
        f"{folder.relative_to(ROOT)}: {count} modules, limit {rules.MAX_FOLDER_MODULES}"
        for folder, count in counts.items()
        if count > rules.MAX_FOLDER_MODULES
    ]
    assert not crowded


def test_modules_have_telling_names() -> None:
    paths = modules(SOURCE) + [path for path in SOURCE.rglob("*") if path.is_dir()] + modules(TESTS)
    vague = [
        f"{path.relative_to(ROOT)}:{line}: {message}" for path in paths for line, message in rules.name_is_telling(path)
    ]
    assert not vague


@pytest.mark.parametrize(
    ("rule", "source", "line"),
    [
        (rules.file_is_short, "pass\n" * 401, 401),
        (rules.functions_are_short, "\ndef f():\n" + "    pass\n" * 51, 2),
        (rules.code_is_flat, "def f():\n if a:\n  for b in c:\n   while d:\n    if e:\n     pass\n", 1),
        (rules.environment_is_not_read, "import os\nhome = os.environ['HOME']\n", 2),
        (rules.environment_is_not_read, "from os import getenv\n", 1),
        (rules.tests_do_not_sleep, "def test_a():\n    if True:\n        time.sleep(1)\n", 3),
        (rules.tests_do_not_sleep, "async def test_a():\n    await asyncio.sleep(0.1)\n", 2),
        (rules.tests_do_not_sleep, "@pytest.fixture()\ndef server():\n    time.sleep(1)\n", 3),
        (rules.tests_are_not_skipped, "import pytest\n@pytest.mark.xfail\ndef test_a(): ...\n", 2),
        (rules.tests_are_not_skipped, "def test_a():\n    pytest.skip('flaky')\n", 2),
    ],
)
def test_rule_names_the_line_when_it_is_broken(rule: Rule, source: str, line: int) -> None:
    assert [violation.line for violation in rule(source)] == [line]


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (rules.file_is_short, "pass\n" * 400),
        (rules.functions_are_short, 'def f():\n    """' + "\n" * 60 + '"""\n' + "    pass\n" * 50),
        (rules.code_is_flat, "def f():\n if a: 1\n elif b: 2\n elif c: 3\n elif d: 4\n"),
        (rules.code_is_flat, "def f():\n if a:\n  for b in c:\n   with d:\n    while e:\n     pass\n"),
        (rules.environment_is_not_read, "import os\nos.getpid()\n"),
        (rules.tests_do_not_sleep, "def test_a():\n    def slow(x): time.sleep(1)\n"),
        (rules.tests_do_not_sleep, "async def test_a():\n    await asyncio.sleep(0)\n"),
        (rules.tests_are_not_skipped, "@pytest.mark.parametrize('a', [])\ndef test_a(a): ...\n"),
    ],
)
def test_rule_is_silent_when_it_is_kept(rule: Rule, source: str) -> None:
    assert not list(rule(source))


def test_vague_module_name_is_caught() -> None:
    assert list(rules.name_is_telling(Path("clipper/core/utils.py")))
