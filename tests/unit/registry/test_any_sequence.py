"""Any sequence of changes, against a naive model of what should exist: sets and lists, and the rules said again."""

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from clipper.core.errors import ClipperError
from clipper.core.inputs import InputType
from clipper.registry import changes
from tests.unit.registry.world import Change, P, World, application, model, replica

APPLICATIONS = st.sampled_from(["app", "other", "Bad Name", "metrics"])
MODELS = st.sampled_from(["m", "n", "o", "bad_name"])
LISTS_OF_MODELS = st.lists(MODELS, max_size=3)
VERSIONS = st.sampled_from(["1", "2", "3"])
TYPES = st.sampled_from([InputType.DOUBLES, InputType.DOUBLES, InputType.STRINGS])
ALLOWED = {"app", "other", "m", "n", "o"}


class Naive(RuleBasedStateMachine):
    """`types`, `links`, `versions`, `current` and `previous` say what the registry should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.changes_done = 0
        self.types: dict[str, InputType] = {}
        self.links: dict[str, list[str]] = {}
        self.versions: dict[str, dict[str, InputType]] = {}
        self.current: dict[str, str] = {}
        self.previous: dict[tuple[str, str], str] = {}

    def attempt(self, allowed: bool, change: Change[P], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Do the change, or see it refused, as the model says."""
        if allowed:
            self.world.do(change, *args, **kwargs)
            self.changes_done += 1
        else:
            with pytest.raises(ClipperError):
                change(self.world.snapshot, *args, **kwargs)
        return allowed

    def linkable(self, names: list[str], input_type: InputType | None) -> bool:
        return len(set(names)) == len(names) and all(
            self.versions.get(name) and set(self.versions[name].values()) == {input_type} for name in names
        )

    def linked(self, name: str) -> bool:
        return any(name in linked for linked in self.links.values())

    def make_current(self, name: str, version: str) -> None:
        before = self.current.get(name, version)
        if before != version and version not in self.chain(name, before):
            self.previous[name, version] = before
        self.current[name] = version

    def chain(self, name: str, version: str) -> list[str]:
        """Where one roll-back after the other leads; it must come to an end."""
        before = self.previous.get((name, version))
        return [] if before is None else [before, *self.chain(name, before)]

    @rule(name=APPLICATIONS, input_type=TYPES, links=LISTS_OF_MODELS)
    def add_application(self, name: str, input_type: InputType, links: list[str]) -> None:
        allowed = name in ALLOWED and name not in self.types and self.linkable(links, input_type)
        if self.attempt(allowed, changes.add_application, application(name, input_type, tuple(links))):
            self.types[name], self.links[name] = input_type, links

    @rule(name=APPLICATIONS)
    def delete_application(self, name: str) -> None:
        if self.attempt(name in self.types, changes.delete_application, name):
            del self.types[name], self.links[name]

    @rule(name=APPLICATIONS, models=LISTS_OF_MODELS)
    def link(self, name: str, models: list[str]) -> None:
        both = self.links.get(name, []) + models
        allowed = bool(models) and name in self.types and self.linkable(both, self.types.get(name))
        if self.attempt(allowed, changes.link_models, name, models):
            self.links[name] = both

    @rule(name=APPLICATIONS, models=LISTS_OF_MODELS)
    def relink(self, name: str, models: list[str]) -> None:
        allowed = name in self.types and self.linkable(models, self.types.get(name))
        if self.attempt(allowed, changes.relink_models, name, models):
            self.links[name] = models

    @rule(name=APPLICATIONS, models=LISTS_OF_MODELS)
    def unlink(self, name: str, models: list[str]) -> None:
        allowed = name in self.types and set(models) <= set(self.links[name])
        if self.attempt(allowed, changes.unlink_models, name, models):
            self.links[name] = [each for each in self.links[name] if each not in models]

    @rule(name=MODELS, version=VERSIONS, input_type=TYPES, make_current=st.booleans())
    def add_model(self, name: str, version: str, input_type: InputType, make_current: bool) -> None:
        keeps_links = all(self.types[app] == input_type for app, linked in self.links.items() if name in linked)
        allowed = name in ALLOWED and version not in self.versions.get(name, {}) and keeps_links
        new = model(name, version, input_type)
        if self.attempt(allowed, changes.add_model, new, make_current=make_current):
            self.versions.setdefault(name, {})[version] = input_type
            if make_current:
                self.make_current(name, version)

    @rule(name=MODELS, version=VERSIONS)
    def set_current_version(self, name: str, version: str) -> None:
        if self.attempt(version in self.versions.get(name, {}), changes.set_current_version, name, version):
            self.make_current(name, version)

    @rule(name=MODELS, version=VERSIONS)
    def delete_model_version(self, name: str, version: str) -> None:
        versions = self.versions.get(name, {})
        needed = self.linked(name) and (self.current.get(name) == version or len(versions) == 1)
        if self.attempt(version in versions and not needed, changes.delete_model_version, name, version):
            del versions[version]
            if self.current.get(name) == version:
                del self.current[name]
            further = self.previous.pop((name, version), None)
            for heir in [key for key, before in self.previous.items() if key[0] == name and before == version]:
                del self.previous[heir]
                if further is not None:
                    self.previous[heir] = further

    @rule(name=MODELS)
    def delete_model(self, name: str) -> None:
        allowed = bool(self.versions.get(name)) and not self.linked(name)
        if self.attempt(allowed, changes.delete_model, name):
            del self.versions[name]
            self.current.pop(name, None)
            self.previous = {key: before for key, before in self.previous.items() if key[0] != name}

    @rule(name=MODELS, version=VERSIONS)
    def replica_comes_and_goes(self, name: str, version: str) -> None:
        replica_id = self.world.snapshot.next_replica_id(name, version)
        exists = version in self.versions.get(name, {})
        if self.attempt(exists, changes.put_replica, replica(name, version, replica_id)):
            self.attempt(True, changes.delete_replica, name, version, replica_id)
            self.attempt(False, changes.put_replica, replica(name, version, replica_id))

    @invariant()
    def what_exists_is_what_should(self) -> None:
        snapshot = self.world.snapshot
        assert {app.name: app.input_type for app in snapshot.applications.values()} == self.types
        assert {app.name: list(app.models) for app in snapshot.applications.values()} == self.links
        expected = {(name, v): kind for name, versions in self.versions.items() for v, kind in versions.items()}
        assert {key: each.input_type for key, each in snapshot.models.items()} == expected
        assert snapshot.current == self.current
        assert {key: each.previous for key, each in snapshot.models.items() if each.previous} == self.previous
        assert snapshot.replicas == {}
        assert snapshot.revision == self.changes_done

    @invariant()
    def every_link_and_current_version_has_its_model(self) -> None:
        snapshot = self.world.snapshot
        for name, version in snapshot.current.items():
            assert (name, version) in snapshot.models
        for name, version in snapshot.models:
            chain = self.chain(name, version)
            assert len({version, *chain}) == 1 + len(chain)
            assert all((name, each) in snapshot.models for each in chain)
        for app in snapshot.applications.values():
            assert len(set(app.models)) == len(app.models)
            for linked in app.models:
                kinds = {each.input_type for each in snapshot.models.values() if each.name == linked}
                assert kinds == {app.input_type}


TestAnySequence = Naive.TestCase
TestAnySequence.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
