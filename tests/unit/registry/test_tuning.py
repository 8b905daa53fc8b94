"""What applications and model versions may be set to: at birth and afterwards, in which words it is refused."""

import re

import pytest
from msgspec.structs import replace

from clipper.core.errors import ClipperError, ErrorCode
from clipper.registry import changes
from clipper.registry.entities import Application, Model
from clipper.registry.tuning import ApplicationChange, ModelChange, batching_of
from tests.unit.registry.world import World, application, model


@pytest.fixture
def world() -> World:
    """Application `app` linked to model `m`, version 1."""
    world = World()
    world.do(changes.add_model, model("m"), make_current=True)
    world.do(changes.add_application, application("app", models=("m",)))
    return world


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (ApplicationChange(priority=-1), "Invalid priority -1: expected 0 to 9"),
        (ApplicationChange(priority=10), "Invalid priority 10: expected 0 to 9"),
        (ApplicationChange(cache_ttl_s=-0.1), "Invalid cache_ttl_s -0.1: expected seconds, or 0"),
        (ApplicationChange(cache_ttl_s=float("inf")), "Invalid cache_ttl_s inf"),
        (ApplicationChange(cache_ttl_s=float("nan")), "Invalid cache_ttl_s nan"),
        (ApplicationChange(max_disagreement=-0.01), "Invalid max_disagreement -0.01: expected a share from 0 to below"),
        (ApplicationChange(max_disagreement=0.5), "Invalid max_disagreement 0.5"),
        (ApplicationChange(max_disagreement=float("nan")), "Invalid max_disagreement nan"),
        (ApplicationChange(confidence_threshold=1.1), "Invalid confidence_threshold 1.1: expected 0 to 1"),
        (ApplicationChange(confidence_threshold=float("nan")), "Invalid confidence_threshold nan"),
        (ApplicationChange(batching="adaptive"), "Invalid batching 'adaptive': expected one of none, fixed, aimd,"),
        (ApplicationChange(batching="fixed"), "of an application: expected it of a model, together with a batch_size"),
    ],
)
def test_impossible_application_is_refused_at_birth_and_afterwards(
    world: World, change: ApplicationChange, message: str
) -> None:
    with pytest.raises(ClipperError, match=re.escape(message)) as caught:
        changes.set_application(world.snapshot, "app", change)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(ClipperError, match=re.escape(message)):
        changes.add_application(world.snapshot, change.applied_to(application("other")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (ModelChange(batch_size=0), "Invalid batch_size 0: expected at least 1, or -1"),
        (ModelChange(batch_size=-2), "Invalid batch_size -2"),
        (
            ModelChange(batching="fast"),
            "Invalid batching 'fast': expected one of none, fixed, aimd, quantile, deadline",
        ),
        (ModelChange(batching="fixed"), "Invalid batch_size -1: expected at least 1 with batching 'fixed'"),
        (ModelChange(batch_delay_ms=-2.0), "Invalid batch_delay_ms -2: expected 0 to 1000 ms, or -1"),
        (ModelChange(batch_delay_ms=1000.5), "Invalid batch_delay_ms 1000.5"),
        (ModelChange(batch_delay_ms=float("nan")), "Invalid batch_delay_ms nan"),
    ],
)
def test_impossible_model_is_refused_at_birth_and_afterwards(world: World, change: ModelChange, message: str) -> None:
    with pytest.raises(ClipperError, match=re.escape(message)) as caught:
        changes.set_model(world.snapshot, "m", "1", change)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(ClipperError, match=re.escape(message)):
        changes.add_model(world.snapshot, change.applied_to(model("other")))


def test_changes_leave_everything_else_as_it_is(world: World) -> None:
    before: Application = world.snapshot.applications["app"]
    world.do(changes.set_application, "app", ApplicationChange(priority=9, cache=False))
    world.do(changes.set_application, "app", ApplicationChange(cache_ttl_s=0.5, max_disagreement=0.02, batching="aimd"))
    assert world.snapshot.applications["app"] == replace(
        before, priority=9, cache=False, cache_ttl_s=0.5, max_disagreement=0.02, batching="aimd"
    )


def test_settings_go_back_to_their_defaults(world: World) -> None:
    before: Model = world.snapshot.models["m", "1"]
    world.do(changes.set_model, "m", "1", ModelChange(batching="fixed", batch_size=64, batch_delay_ms=-1.0))
    assert world.snapshot.models["m", "1"] == replace(before, batching="fixed", batch_size=64, batch_delay_ms=-1.0)
    world.do(changes.set_model, "m", "1", ModelChange(batching="", batch_size=-1, batch_delay_ms=0.0))
    assert world.snapshot.models["m", "1"] == before


def test_a_fixed_batching_keeps_its_size(world: World) -> None:
    world.do(changes.set_model, "m", "1", ModelChange(batching="fixed", batch_size=64))
    with pytest.raises(ClipperError, match="with batching 'fixed'"):
        changes.set_model(world.snapshot, "m", "1", ModelChange(batch_size=-1))


def test_batching_is_the_versions_else_the_tightest_applications_else_nobodys(world: World) -> None:
    def batching() -> str:
        snapshot = world.snapshot
        return batching_of(snapshot.models["m", "1"], snapshot)

    assert batching() == ""
    world.do(changes.set_application, "app", ApplicationChange(batching="aimd"))
    assert batching() == "aimd"
    tighter = replace(application("tight", models=("m",)), latency_slo_micros=1, batching="quantile")
    world.do(changes.add_application, tighter)
    world.do(changes.add_application, replace(tighter, name="silent", batching=""))
    world.do(changes.add_application, replace(tighter, name="elsewhere", batching="none", models=()))
    assert batching() == "quantile"
    world.do(changes.set_model, "m", "1", ModelChange(batch_size=64))
    assert batching() == "fixed"
    world.do(changes.set_model, "m", "1", ModelChange(batching="deadline"))
    assert batching() == "deadline"


def test_change_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(ClipperError, match="expected at least one of policy, policy_config, priority, cache"):
        changes.set_application(world.snapshot, "app", ApplicationChange())
    with pytest.raises(ClipperError, match="expected at least one of batch_size, batching, batch_delay_ms"):
        changes.set_model(world.snapshot, "m", "1", ModelChange())


def test_what_does_not_exist_is_not_changed(world: World) -> None:
    with pytest.raises(ClipperError, match="No application with name 'other'"):
        changes.set_application(world.snapshot, "other", ApplicationChange(priority=1))
    with pytest.raises(ClipperError, match="No model with name 'm' and version '2'"):
        changes.set_model(world.snapshot, "m", "2", ModelChange(batch_size=1))
