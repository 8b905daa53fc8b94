"""What each policy would have earned on the newest judged queries of an application.

Computed here, in a thread, and not where queries are served.
"""

import asyncio
from collections.abc import Iterator, Sequence
from random import Random
from time import monotonic
from typing import Any, NamedTuple

from clipper.core.errors import ClipperError, ErrorCode
from clipper.management.selection.frontends import Frontends
from clipper.registry.entities import Application
from clipper.registry.registry import Registry
from clipper.selection.evidence.judged import Judged
from clipper.selection.evidence.off_policy import Estimate
from clipper.selection.evidence.replay import Replay, actual, replayed
from clipper.selection.policies import POLICIES, policy_named
from clipper.selection.policy import Policy

MAX_QUERIES = 2000
"""Of all frontends together: some seconds of work for all policies, and an interval of two points to both sides."""

MAX_S = 20.0
"""After it no further policy is tried."""

SHARED = ("scale", "outputs")
"""Settings that say what outputs are and are worth: every policy that knows them gets the application's own."""


class Candidate(NamedTuple):
    """A policy to be compared.

    Attributes:
        model: for policies that ask one model only, which.
        models: in the order in which they are linked.
    """

    name: str
    model: str | None
    policy: Policy
    models: tuple[str, ...]


class Comparison:
    """Compares policies on what the frontends know; one comparison at a time."""

    def __init__(self, registry: Registry, frontends: Frontends) -> None:
        self._registry = registry
        self._frontends = frontends
        self._turn = asyncio.Lock()

    async def compare(self, name: str) -> dict[str, Any]:
        """What was earned, and what each policy would have earned. Raises NOT_FOUND."""
        application = self._registry.snapshot().applications.get(name)
        if application is None:
            raise ClipperError(ErrorCode.NOT_FOUND, f"No application with name '{name}' exists.")
        async with self._turn:
            log = await self._frontends.evidence(name, MAX_QUERIES)
            return await asyncio.to_thread(compared, application, log[-MAX_QUERIES:])


def compared(application: Application, log: Sequence[Judged]) -> dict[str, Any]:
    """The table: what was earned by whatever policy there was, then the best first."""
    scale = _scale(application)
    until = monotonic() + MAX_S
    rows = []
    for candidate in _candidates(application):
        if monotonic() > until:
            break
        rows.append(_row(application, candidate, log, scale))
    rows.sort(key=lambda row: (not row["told"], -row["earned"]["mean"]))
    return {
        "application": application.name,
        "queries": len(log),
        "earned": _interval(actual(log, scale)),
        "policies": rows,
    }


def _candidates(application: Application) -> Iterator[Candidate]:
    """The present policy first, then each model for itself, then all others."""
    models = application.models
    if not models:
        return
    own = policy_named(application.policy, application.policy_config)
    yield Candidate(application.policy, None, own, models)
    for model in models:
        yield Candidate("static", model, policy_named("static", {}), (model, *(m for m in models if m != model)))
    for name in POLICIES:
        if name not in (application.policy, "static"):
            yield Candidate(name, None, _with_shared_settings(name, application), models)


def _with_shared_settings(name: str, application: Application) -> Policy:
    """A policy with its defaults, but of the settings that it shares the application's."""
    config: dict[str, Any] = {}
    for key in SHARED:
        if key in application.policy_config:
            try:
                policy_named(name, {**config, key: application.policy_config[key]})
            except ClipperError:
                continue  # it has no such setting
            config[key] = application.policy_config[key]
    return policy_named(name, config)


def _row(application: Application, candidate: Candidate, log: Sequence[Judged], scale: float) -> dict[str, Any]:
    why = ""
    nothing = Estimate(0.5, 0.0, 1.0, 0.0)
    replay = Replay(nothing, nothing, 0)
    try:
        replay = replayed(candidate.policy, candidate.models, log, Random(0), scale)  # noqa: S311 - guards nothing
    except ClipperError as error:
        why = error.message
    except Exception as error:  # of a policy somebody has installed
        why = f"the policy fails: {error!r}"
    if not replay.told and not why:
        why = "the queries do not tell: whom it would have asked was not asked" if log else "no query was judged yet"
    return {
        "policy": candidate.name,
        "model": candidate.model,
        "current": candidate.model is None and candidate.name == application.policy,
        "told": replay.told,
        "earned": _interval(replay.robust),
        "ips": _interval(replay.weighted),
        "why": why,
    }


def _interval(estimate: Estimate) -> dict[str, float]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}


def _scale(application: Application) -> float:
    scale = application.policy_config.get("scale", 0.0)
    return float(scale) if isinstance(scale, int | float) else 0.0
