"""Every invariant of the registry: what is done, and what is refused in which words."""

import re
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.registry import changes
from clipper.registry.entities import ReplicaState
from clipper.store import Transaction
from tests.unit.registry.world import World, application, model, replica


@pytest.fixture
def world() -> World:
    """Application `app`, not linked; models `m` (1, and 2 current) and `n` (1 current), all of doubles."""
    world = World()
    world.do(changes.add_application, application())
    world.do(changes.add_model, model("m", "1"))
    world.do(changes.add_model, model("m", "2"), make_current=True)
    world.do(changes.add_model, model("n", "1"), make_current=True)
    return world


def refused(world: World, code: ErrorCode, message: str, change: Callable[..., Transaction], *args: object) -> None:
    before = dict(world.records)
    with pytest.raises(ClipperError, match=re.escape(message)) as caught:
        change(world.snapshot, *args)
    assert caught.value.code is code
    assert world.records == before


def links(world: World) -> tuple[str, ...]:
    return world.snapshot.applications["app"].models


# --- applications ---


def test_added_application_is_there(world: World) -> None:
    added = application("other", InputType.STRINGS)
    world.do(changes.add_application, added)
    assert world.snapshot.applications == {"app": application(), "other": added}


def test_duplicate_application_is_refused(world: World) -> None:
    refused(
        world,
        ErrorCode.ALREADY_EXISTS,
        "application 'app' already exists",
        changes.add_application,
        application(input_type=InputType.STRINGS),
    )


@pytest.mark.parametrize("name", ["", "a b", "App", "a/b", "a:b", "-a", "a-", "a_b", "ä", "a" * 64, "a\n"])
def test_prohibited_application_names_are_refused(world: World, name: str) -> None:
    refused(
        world,
        ErrorCode.INVALID_ARGUMENT,
        "Invalid application name",
        changes.add_application,
        application(name),
    )


@pytest.mark.parametrize("name", ["metrics", "admin", "v2"])
def test_application_names_that_the_frontend_answers_itself_are_refused(world: World, name: str) -> None:
    refused(world, ErrorCode.INVALID_ARGUMENT, "choose another", changes.add_application, application(name))


@pytest.mark.parametrize("slo_micros", [0, -1])
def test_objective_that_no_query_can_meet_is_refused(world: World, slo_micros: int) -> None:
    impossible = replace(application("other"), latency_slo_micros=slo_micros)
    refused(world, ErrorCode.INVALID_ARGUMENT, "latency_slo_micros", changes.add_application, impossible)


def test_application_may_be_added_with_its_links(world: World) -> None:
    world.do(changes.add_application, application("other", models=("n", "m")))
    assert world.snapshot.applications["other"].models == ("n", "m")
    refused(
        world,
        ErrorCode.NOT_FOUND,
        "No model with name 'x' exists.",
        changes.add_application,
        application("third", models=("x",)),
    )


def test_deleted_application_is_gone_and_its_models_stay(world: World) -> None:
    world.do(changes.link_models, "app", ["m"])
    world.do(changes.delete_application, "app")
    assert not world.snapshot.applications
    assert len(world.snapshot.models) == 3
    world.do(changes.add_application, application())
    assert links(world) == ()


def test_unknown_application_cannot_be_deleted(world: World) -> None:
    refused(world, ErrorCode.NOT_FOUND, "No application with name 'x' exists.", changes.delete_application, "x")


# --- links ---


def test_several_models_are_linked_in_order(world: World) -> None:
    world.do(changes.link_models, "app", ["n"])
    world.do(changes.link_models, "app", ["m"])
    assert links(world) == ("n", "m")


def test_unlink_keeps_the_order_of_the_rest(world: World) -> None:
    world.do(changes.add_model, model("o", "1"))
    world.do(changes.link_models, "app", ["o", "m", "n"])
    world.do(changes.unlink_models, "app", ["m"])
    assert links(world) == ("o", "n")


def test_relink_replaces_all_links_in_one_step(world: World) -> None:
    world.do(changes.link_models, "app", ["n", "m"])
    before = world.snapshot.revision
    world.do(changes.relink_models, "app", ["m"])
    assert links(world) == ("m",)
    world.do(changes.relink_models, "app", [])
    assert links(world) == ()
    assert world.snapshot.revision == before + 2


def test_model_whose_first_version_is_not_current_yet_can_be_linked(world: World) -> None:
    world.do(changes.add_model, model("new", "1"))
    world.do(changes.link_models, "app", ["new"])
    assert "new" not in world.snapshot.current


@pytest.mark.parametrize("change", [changes.link_models, changes.relink_models])
def test_links_to_or_from_the_unknown_are_refused(world: World, change: Callable[..., Transaction]) -> None:
    refused(world, ErrorCode.NOT_FOUND, "No model with name 'x' exists.", change, "app", ["m", "x"])
    refused(world, ErrorCode.NOT_FOUND, "No application with name 'x' exists.", change, "x", ["m"])


@pytest.mark.parametrize("change", [changes.link_models, changes.relink_models])
def test_model_named_twice_is_refused(world: World, change: Callable[..., Transaction]) -> None:
    refused(
        world,
        ErrorCode.ALREADY_EXISTS,
        "A model with name m is already linked to 'app'.",
        change,
        "app",
        ["m", "n", "m"],
    )


def test_second_link_of_a_model_is_refused_and_links_nothing_else(world: World) -> None:
    world.do(changes.link_models, "app", ["m"])
    refused(
        world,
        ErrorCode.ALREADY_EXISTS,
        "A model with name m is already linked to 'app'.",
        changes.link_models,
        "app",
        ["n", "m"],
    )


def test_no_models_to_link_is_refused(world: World) -> None:
    refused(world, ErrorCode.INVALID_ARGUMENT, "at least one model", changes.link_models, "app", [])


def test_unlink_of_what_is_not_linked_is_refused(world: World) -> None:
    world.do(changes.link_models, "app", ["m"])
    refused(
        world,
        ErrorCode.NOT_FOUND,
        "A model with name n is not linked to 'app'.",
        changes.unlink_models,
        "app",
        ["m", "n"],
    )
    refused(world, ErrorCode.NOT_FOUND, "No application", changes.unlink_models, "x", ["m"])


@pytest.mark.parametrize("change", [changes.link_models, changes.relink_models])
def test_link_of_another_input_type_is_refused(world: World, change: Callable[..., Transaction]) -> None:
    world.do(changes.add_model, model("ints", "1", InputType.INTEGERS), make_current=True)
    message = "Model 'ints' version '1' has input type 'integers' but application 'app' has 'doubles'"
    refused(world, ErrorCode.CONFLICT, message, change, "app", ["m", "ints"])


def test_link_is_refused_if_any_version_has_another_input_type(world: World) -> None:
    """A query may ask for any version."""
    world.do(changes.add_model, model("n", "0", InputType.INTEGERS))
    refused(world, ErrorCode.CONFLICT, "Model 'n' version '0'", changes.link_models, "app", ["n"])


# --- models ---


def test_added_model_is_current_only_if_asked_for(world: World) -> None:
    assert world.snapshot.models["m", "1"] == model("m", "1")
    assert world.snapshot.current == {"m": "2", "n": "1"}


def test_duplicate_version_is_refused(world: World) -> None:
    refused(
        world,
        ErrorCode.ALREADY_EXISTS,
        "model 'm' with version '1' already exists",
        changes.add_model,
        model("m", "1", InputType.STRINGS),
    )


@pytest.mark.parametrize("name", ["", "A", "a/b", "a.b", "a:1", "-a", "a\n"])
def test_prohibited_model_names_and_versions_are_refused(world: World, name: str) -> None:
    for wrong, field in ((model(name, "1"), "model name"), (model("x", name), "model version")):
        refused(world, ErrorCode.INVALID_ARGUMENT, f"Invalid {field}", changes.add_model, wrong)


@pytest.mark.parametrize("batch_size", [0, -2])
def test_impossible_batch_size_is_refused(world: World, batch_size: int) -> None:
    wrong = model("x", batch_size=batch_size)
    refused(world, ErrorCode.INVALID_ARGUMENT, "Invalid batch_size", changes.add_model, wrong)


def test_new_version_of_a_linked_model_must_keep_the_input_type(world: World) -> None:
    world.do(changes.link_models, "app", ["m"])
    message = "Model 'm' version '3' has input type 'strings' but application 'app' has 'doubles'"
    refused(world, ErrorCode.CONFLICT, message, changes.add_model, model("m", "3", InputType.STRINGS))
    world.do(changes.add_model, model("m", "3"))
    world.do(changes.add_model, model("n", "3", InputType.STRINGS))


def test_any_version_can_be_made_current(world: World) -> None:
    world.do(changes.set_current_version, "m", "1")
    assert world.snapshot.current["m"] == "1"
    world.do(changes.set_current_version, "m", "1")
    assert world.snapshot.current["m"] == "1"


def test_unknown_version_cannot_be_made_current(world: World) -> None:
    message = "No model with name 'm' and version '9' exists. Its versions: 1, 2"
    refused(world, ErrorCode.NOT_FOUND, message, changes.set_current_version, "m", "9")
    refused(
        world,
        ErrorCode.NOT_FOUND,
        "No model with name 'x' exists.",
        changes.set_current_version,
        "x",
        "1",
    )


def test_version_that_nobody_needs_is_deleted(world: World) -> None:
    world.do(changes.link_models, "app", ["m"])
    world.do(changes.delete_model_version, "m", "1")
    assert ("m", "1") not in world.snapshot.models
    world.do(changes.delete_model_version, "n", "1")
    assert "n" not in world.snapshot.current
    assert world.snapshot.current == {"m": "2"}


def test_current_version_of_a_linked_model_cannot_be_deleted(world: World) -> None:
    world.do(changes.link_models, "app", ["m"])
    message = "Version '2' is the current version of model 'm', which is linked to 'app'"
    refused(world, ErrorCode.CONFLICT, message, changes.delete_model_version, "m", "2")
    world.do(changes.set_current_version, "m", "1")
    world.do(changes.delete_model_version, "m", "2")


def test_only_version_of_a_linked_model_cannot_be_deleted(world: World) -> None:
    world.do(changes.add_model, model("new", "1"))
    world.do(changes.link_models, "app", ["new"])
    message = "Version '1' is the only version of model 'new'"
    refused(world, ErrorCode.CONFLICT, message, changes.delete_model_version, "new", "1")


def test_unknown_version_cannot_be_deleted(world: World) -> None:
    refused(world, ErrorCode.NOT_FOUND, "version '9'", changes.delete_model_version, "m", "9")
    refused(world, ErrorCode.NOT_FOUND, "name 'x' exists.", changes.delete_model_version, "x", "1")


def test_model_is_deleted_with_all_its_versions_unless_linked(world: World) -> None:
    world.do(changes.link_models, "app", ["m"])
    refused(world, ErrorCode.CONFLICT, "linked to 'app'", changes.delete_model, "m")
    world.do(changes.unlink_models, "app", ["m"])
    world.do(changes.delete_model, "m")
    assert set(world.snapshot.models) == {("n", "1")}
    assert world.snapshot.current == {"n": "1"}
    refused(world, ErrorCode.NOT_FOUND, "No model with name 'm' exists.", changes.delete_model, "m")


# --- replicas ---


def test_replica_count_is_kept_with_the_version(world: World) -> None:
    world.do(changes.set_replicas, "m", "1", 3)
    assert world.snapshot.models["m", "1"] == model("m", "1", replicas=3)
    world.do(changes.set_replicas, "m", "1", 0)
    assert world.snapshot.models["m", "1"].replicas == 0


@pytest.mark.parametrize("count", [-1, changes.MAX_REPLICAS + 1])
def test_impossible_replica_counts_are_refused(world: World, count: int) -> None:
    message = f"Invalid number of replicas {count}"
    refused(world, ErrorCode.INVALID_ARGUMENT, message, changes.set_replicas, "m", "1", count)
    refused(world, ErrorCode.INVALID_ARGUMENT, message, changes.add_model, model("x", replicas=count))


def test_containerless_model_has_no_replica_count(world: World) -> None:
    by_hand = model("by-hand", bundle=None)
    world.do(changes.add_model, by_hand)
    refused(world, ErrorCode.INVALID_ARGUMENT, "containerless model", changes.set_replicas, "by-hand", "1", 2)
    wanting = model("x", bundle=None, replicas=1)
    refused(world, ErrorCode.INVALID_ARGUMENT, "containerless model", changes.add_model, wanting)


def test_replica_count_of_the_unknown_is_refused(world: World) -> None:
    refused(world, ErrorCode.NOT_FOUND, "version '9'", changes.set_replicas, "m", "9", 1)


def test_replicas_are_recorded_updated_and_forgotten(world: World) -> None:
    world.do(changes.put_replica, replica(replica_id=0))
    world.do(changes.put_replica, replica(replica_id=1))
    ready = replica(replica_id=0, state=ReplicaState.READY)
    world.do(changes.put_replica, ready)
    assert world.snapshot.replicas_of("m", "1") == [ready, replica(replica_id=1)]
    world.do(changes.delete_replica, "m", "1", 0)
    assert world.snapshot.replicas_of("m", "1") == [replica(replica_id=1)]
    world.do(changes.delete_replica, "m", "1", 0)


def test_replica_ids_are_never_used_again(world: World) -> None:
    for expected in range(3):
        assert world.snapshot.next_replica_id("m", "1") == expected
        world.do(changes.put_replica, replica(replica_id=expected))
        world.do(changes.delete_replica, "m", "1", expected)
    refused(world, ErrorCode.CONFLICT, "expected at least 3", changes.put_replica, replica(replica_id=2))
    assert world.snapshot.next_replica_id("m", "2") == 0


def test_replica_of_the_unknown_is_refused(world: World) -> None:
    refused(world, ErrorCode.NOT_FOUND, "version '9'", changes.put_replica, replica("m", "9"))


def test_replica_of_a_deleted_version_can_still_be_updated_until_it_has_ended(world: World) -> None:
    world.do(changes.put_replica, replica(replica_id=0))
    world.do(changes.delete_model_version, "m", "1")
    stopping = replica(replica_id=0, state=ReplicaState.STOPPING)
    world.do(changes.put_replica, stopping)
    assert world.snapshot.replicas_of("m", "1") == [stopping]
    world.do(changes.add_model, model("m", "1"))
    assert world.snapshot.next_replica_id("m", "1") == 1


def test_deleted_things_leave_no_record(world: World) -> None:
    world.do(changes.put_replica, replica("m", "1"))
    world.do(changes.put_replica, replica("n", "1"))
    world.do(changes.delete_replica, "m", "1", 0)
    world.do(changes.delete_replica, "n", "1", 0)
    world.do(changes.delete_model_version, "n", "1")
    world.do(changes.delete_model, "m")
    world.do(changes.delete_application, "app")
    assert set(world.records) == {b"registry/revision"}


# --- transactions ---


def test_of_two_changes_from_one_snapshot_only_the_first_is_done(world: World) -> None:
    snapshot = world.snapshot
    assert world.apply(changes.link_models(snapshot, "app", ["m"]))
    assert not world.apply(changes.delete_model(snapshot, "m"))
    assert not world.apply(changes.link_models(snapshot, "app", ["n"]))
    assert links(world) == ("m",)


def test_every_change_has_a_revision_of_its_own(world: World) -> None:
    assert world.snapshot.revision == 4
    world.do(changes.set_current_version, "m", "1")
    assert world.snapshot.revision == 5
