"""What has to be started and retired, as a pure function of what is wanted and what runs."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

VersionKey: TypeAlias = tuple[str, str]
"""A model's name and version."""


class Running(NamedTuple):
    """A replica that is supervised and not being retired."""

    version: VersionKey
    replica_id: int
    ready: bool


class Plan(NamedTuple):
    """`start`: how many more of each version; `retire`: which replicas go."""

    start: dict[VersionKey, int]
    retire: list[tuple[VersionKey, int]]


def plan(wanted: Mapping[VersionKey, int], running: Iterable[Running]) -> Plan:
    """How to get from what runs to what is wanted.

    Of too many replicas those that are not ready go first, then the youngest: the oldest are the warmest.
    """
    by_version: dict[VersionKey, list[Running]] = {}
    for each in running:
        by_version.setdefault(each.version, []).append(each)
    start = {
        version: missing
        for version, count in wanted.items()
        if (missing := count - len(by_version.get(version, ()))) > 0
    }
    retire = []
    for version, replicas in by_version.items():
        best_first = sorted(replicas, key=lambda each: (not each.ready, each.replica_id))
        retire += [(version, each.replica_id) for each in best_first[wanted.get(version, 0) :]]
    return Plan(start, retire)
