"""The examples of README.md and docs/rest.md do what they say."""

from pathlib import Path

import pytest

from tests.docs.shell import Shell, code_blocks, shell_on_a_server

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_readme_runs_from_top_to_bottom(tmp_path: Path) -> None:
    ran = 0
    with shell_on_a_server(tmp_path) as shell:
        for mark, _, text in code_blocks(ROOT / "README.md"):
            run_marked(shell, mark, text)
            ran += bool(mark)
    assert ran == 5


def run_marked(shell: Shell, mark: str, text: str) -> None:
    """A block marked `shell` or `python` is run, one marked with a file's name is written."""
    if mark == "shell":
        for command in text.splitlines():
            shell.run(command)
    elif mark == "python":
        (shell.folder / "example.py").write_text(text)
        shell.run("python example.py")
    elif mark:
        (shell.folder / mark).write_text(text)


@pytest.mark.timeout(300)
def test_rest_examples_answer_as_documented(tmp_path: Path) -> None:
    wrong = []
    with shell_on_a_server(tmp_path) as shell:
        for _, language, text in code_blocks(ROOT / "docs" / "rest.md"):
            if text.startswith("# sum.py"):
                (tmp_path / "sum.py").write_text(text)
            elif "clipper deploy" in text:
                shell.run(text.splitlines()[0])
            elif language == "console":
                wrong += [example for example in examples(text) if not answers(shell, *example)]
    assert not wrong


def examples(text: str) -> list[tuple[str, str]]:
    """(command, expected answer) of a block; a command begins with a dollar."""
    parts = [part.partition("\n") for part in text.removeprefix("$ ").split("\n$ ")]
    return [(command, expected) for command, _, expected in parts]


def answers(shell: Shell, command: str, expected: str) -> bool:
    """Whether a command answers as documented."""
    return shell.plain(shell.run(command)) == shell.plain(expected)
