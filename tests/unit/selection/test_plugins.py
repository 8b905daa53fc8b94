"""Policies of installed packages: the one of the documentation, and those that do not load."""

import re
from pathlib import Path
from random import Random

import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.selection.policies import POLICIES, policy_named
from clipper.selection.policy import Feedback
from tests.contract.policy_world import PAGE, Asked, documented_policy


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with the policy of the documentation, and entry points that lead nowhere."""
    (entry,) = re.findall(r"```toml\n\[project.entry-points.*\]\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_policies.py").write_text(documented_policy())
    information = tmp_path / "my_policies-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-policies\nVersion: 1.0\n")
    points = entry.replace('"', "") + "broken = my_policies:Nothing\nabsent = no_such_module_here:Policy\n"
    (information / "entry_points.txt").write_text(f"[clipper.policies]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
def test_policy_of_the_documentation_works() -> None:
    policy = policy_named("newest", {})
    state = policy.init(("a", "b"))
    selection = policy.select(state, ("a", "b"), Asked(), Random(0))
    assert selection.models == ("b",)
    answer = policy.combine(state, Asked(), selection, [b"7"])
    assert answer is not None
    assert answer.output == b"7"
    assert policy.is_decided(state, Asked(), selection, [b"7"])
    assert policy.observe(state, Asked(), Feedback(b"7"), selection, [b"7"]) == {"feedbacks": 1}
    assert policy_named("newest", {"calibrated": True}).init(("a",))["policy"] == {}


@pytest.mark.usefixtures("installed")
def test_settings_of_a_policy_that_has_none_are_refused() -> None:
    with pytest.raises(ClipperError, match="'speed' is unknown"):
        policy_named("newest", {"speed": 1})


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["broken", "absent"])
def test_policy_that_does_not_load_is_named_with_the_reason(name: str) -> None:
    with pytest.raises(ClipperError, match=f"Policy '{name}' of an installed package cannot be loaded") as caught:
        policy_named(name, {})
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.usefixtures("installed")
def test_installed_policies_are_listed() -> None:
    with pytest.raises(ClipperError, match=r"hedge, .*absent, broken, newest"):
        policy_named("nothing", {})


def test_every_policy_has_its_row_in_the_documentation_with_its_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .*\|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows == list(POLICIES)
