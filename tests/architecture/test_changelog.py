"""The changelog and the package name the same version."""

import re
from pathlib import Path

import clipper

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def headings() -> list[str]:
    return re.findall(r"^## \[(.+?)\]", CHANGELOG.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_changelog_starts_with_what_is_not_released() -> None:
    assert headings()[0] == "Unreleased"


def test_newest_release_is_the_version_of_the_package() -> None:
    assert headings()[1] == clipper.__version__
