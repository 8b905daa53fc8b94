"""Which version a roll-back goes to: what was current before, not what has the next lower number."""

import pytest
from msgspec.structs import replace

from clipper.registry import changes
from tests.unit.registry.world import World, model


@pytest.fixture
def world() -> World:
    """Nothing yet."""
    return World()


def deploy(world: World, *versions: str) -> None:
    """As deployments do: add, then make current."""
    for version in versions:
        world.do(changes.add_model, model("h", version))
        world.do(changes.set_current_version, "h", version)


def previous(world: World, version: str) -> str:
    return world.snapshot.models["h", version].previous


def roll_back(world: World) -> str:
    """Go where a roll-back goes; the version that is current then."""
    target = previous(world, world.snapshot.current["h"])
    world.do(changes.set_current_version, "h", target)
    return target


def test_rollback_goes_to_the_version_that_was_current_before(world: World) -> None:
    deploy(world, "1", "2")
    assert roll_back(world) == "1"
    deploy(world, "3")
    assert roll_back(world) == "1"
    assert previous(world, "1") == ""


def test_rollbacks_go_back_step_by_step_to_the_first(world: World) -> None:
    deploy(world, "1", "2", "3")
    assert [roll_back(world), roll_back(world)] == ["2", "1"]
    assert previous(world, "1") == ""


def test_rollback_over_several_versions_leaves_the_history_as_it_is(world: World) -> None:
    deploy(world, "1", "2", "3")
    world.do(changes.set_current_version, "h", "1")
    assert [previous(world, version) for version in "123"] == ["", "1", "2"]


def test_going_forward_is_remembered_as_any_other_change(world: World) -> None:
    deploy(world, "1", "2", "3")
    world.do(changes.set_current_version, "h", "1")
    world.do(changes.set_current_version, "h", "3")
    assert roll_back(world) == "1"


def test_version_that_is_added_as_the_current_one_follows_the_one_before(world: World) -> None:
    for version in "12":
        world.do(changes.add_model, model("h", version), make_current=True)
    assert [previous(world, version) for version in "12"] == ["", "1"]


def test_version_that_is_only_added_follows_nothing(world: World) -> None:
    deploy(world, "1")
    world.do(changes.add_model, replace(model("h", "2"), previous="1"))
    assert previous(world, "2") == ""


def test_version_that_is_made_current_again_does_not_follow_itself(world: World) -> None:
    deploy(world, "1", "2")
    world.do(changes.set_current_version, "h", "2")
    assert previous(world, "2") == "1"


def test_deleted_version_is_left_out_of_the_history(world: World) -> None:
    deploy(world, "1", "2", "3")
    world.do(changes.delete_model_version, "h", "2")
    assert previous(world, "3") == "1"
    world.do(changes.delete_model_version, "h", "1")
    assert previous(world, "3") == ""
    deploy(world, "2")
    assert roll_back(world) == "3"
    assert previous(world, "3") == ""


def test_history_of_one_model_is_none_of_anothers(world: World) -> None:
    world.do(changes.add_model, model("m", "1"))
    deploy(world, "1", "2")
    world.do(changes.delete_model_version, "m", "1")
    assert previous(world, "2") == "1"
