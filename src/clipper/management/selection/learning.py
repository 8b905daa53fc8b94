"""What the policy of an application has learned: shown, started anew, taken out and brought back.

What is learned lies under the application's epoch. A fresh start, whether empty, for another policy or with states that
were brought back, is one registry change to the next epoch: every query is answered by the old or by the new, and
feedback under way for the old one cannot get into the new one.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import structs

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.engine.cells import STATES_PREFIX
from clipper.management.selection.exchange import Head, read_head, read_state, write_head, write_state
from clipper.registry.entities import Application
from clipper.registry.registry import Registry
from clipper.registry.tuning import ApplicationChange
from clipper.selection.policies import keeps_states, policy_named
from clipper.selection.policy import Policy, State
from clipper.selection.routing.ending import Ending, ending_of, judgement_of, test_of
from clipper.selection.scores import tally
from clipper.store import Store, Transaction

RECORDS_PREFIX = b"feedback/"
"""Of what feedback has been counted; it belongs to an epoch, too."""

AT_ONCE = 1000
"""States in one transaction, so that the feedback of others waits for little."""


class Learning:
    """The states of all applications, in the store where the frontends keep them."""

    def __init__(self, states: Store, registry: Registry) -> None:
        self._states = states
        self._registry = registry
        self._changing = asyncio.Lock()

    async def set_application(self, name: str, change: ApplicationChange) -> Application:
        """Change settings of an application; returns it as it is then. Another policy starts anew.

        Raises:
            ClipperError: NOT_FOUND, or INVALID_ARGUMENT naming the setting that is wrong; then nothing has changed.
        """
        async with self._changing:
            before = self._application(name)
            if change.policy is not None or change.policy_config is not None:
                change = _checked(before, change)
            await self._registry.set_application(name, change)
            after = self._application(name)
            if change.starts_anew:
                await self._forget_all_but(after)
            return after

    async def reset(self, name: str) -> None:
        """Let the policy of an application begin as if there had been no feedback. Raises NOT_FOUND."""
        await self.set_application(name, ApplicationChange(starts_anew=True))

    async def weights(self, name: str, context: str | None) -> dict[str, Any]:
        """How much the policy relies on each model, and how good each has been. Raises NOT_FOUND.

        For a context without feedback of its own, it is what it would start from.
        """
        application = self._application(name)
        policy = policy_named(application.policy, application.policy_config)
        state, is_known = await asyncio.to_thread(self._state, application, policy, context)
        models = application.models
        weights = policy.weights(state, models) if models else {}
        tallies = {model: tally(state, model) for model in models}
        best = max((earned / seen for earned, seen in filter(None, tallies.values()) if seen), default=0.0)
        return {
            "application": name,
            "policy": application.policy,
            "context": context,
            "learned": is_known,
            "verdict": await self._verdict(application, policy),
            "models": [_standing(model, weights.get(model, 0.0), tallies[model], best) for model in models],
        }

    async def end_split(self, name: str) -> Ending | None:
        """Give the verdict on a split, if its test is decided; what was learned stays. Raises NOT_FOUND."""
        async with self._changing:
            application = self._application(name)
            if application.policy != "split":
                return None
            policy = policy_named(application.policy, application.policy_config)
            state, _ = await asyncio.to_thread(self._state, application, policy, None)
            ending = ending_of(application.policy_config, state)
            if ending is not None:
                await self._registry.set_application(name, ApplicationChange(policy_config=ending.config))
            return ending

    async def export(self, name: str) -> AsyncIterator[bytes]:
        """What was learned, as lines: what it is, then every context's state. Raises NOT_FOUND before the first."""
        application = self._application(name)
        yield write_head(application)
        prefix = _prefix(application)
        for key, value in await asyncio.to_thread(self._states.scan, prefix):
            rest = key[len(prefix) :]
            if not application.epoch and _epoch(rest):
                continue  # of an epoch to come, which is being brought in: they lie beside those of the first
            yield write_state(rest[1:].decode() if rest else None, msgspec.msgpack.decode(value))

    async def bring_back(self, name: str, lines: AsyncIterator[bytes]) -> int:
        """Let the policy go on from what `export` has written, in place of what it knows now; how many states.

        Raises:
            ClipperError: NOT_FOUND, or INVALID_ARGUMENT for lines that this policy cannot go on from; then nothing has
                changed.
        """
        async with self._changing:
            application = self._application(name)
            coming = structs.replace(application, epoch=application.epoch + 1)
            await self._forget(_prefix(coming))  # what an attempt that failed has left
            _check_head(read_head(await anext(lines, b"")), application)
            count = await self._keep(coming, lines)
            await self._registry.set_application(name, ApplicationChange(starts_anew=True))
            await self._forget_all_but(self._application(name))
            return count

    async def _keep(self, application: Application, lines: AsyncIterator[bytes]) -> int:
        policy = policy_named(application.policy, application.policy_config)
        prefix, count, group = _prefix(application), 0, dict[bytes, bytes]()
        async for line in lines:
            count += 1
            context, state = read_state(line, count + 1)
            _try_out(policy, state, application.models, count + 1)
            group[prefix + (b"" if context is None else b"=" + context.encode())] = msgspec.msgpack.encode(state)
            if len(group) == AT_ONCE:
                await self._put(group)
                group = {}
        await self._put(group)
        return count

    async def _put(self, group: dict[bytes, bytes]) -> None:
        if group:
            await asyncio.wrap_future(self._states.commit(Transaction(put=group)))

    async def _verdict(self, application: Application, policy: Policy) -> dict[str, Any] | None:
        """How the test of a split stands, by what all contexts have taught."""
        test = test_of(application.policy_config) if application.policy == "split" else None
        if test is None:
            return None
        state, _ = await asyncio.to_thread(self._state, application, policy, None)
        _, low, high = judgement_of(test, state)
        verdict = test.decided or "undecided"
        return {"candidate": test.candidate, "current": test.current, "verdict": verdict, "low": low, "high": high}

    def _state(self, application: Application, policy: Policy, context: str | None) -> tuple[State, bool]:
        """A context's state, and whether it has learned something itself."""
        prefix = _prefix(application)
        own = None if context is None else self._states.get(prefix + b"=" + context.encode())
        found = own or self._states.get(prefix)
        state = policy.init(application.models) if found is None else msgspec.msgpack.decode(found)
        if context is None:
            return state, found is not None
        return (state, True) if own is not None else (policy.start(state), False)

    async def _forget_all_but(self, application: Application) -> None:
        """Delete the states of all other epochs, and the records of feedback that was counted in them."""
        for kind in (STATES_PREFIX, RECORDS_PREFIX):
            every = kind + application.name.encode() + b"/"
            found = await asyncio.to_thread(self._states.scan, every)
            await self._delete([key for key, _ in found if _epoch(key[len(every) :]) != application.epoch])

    async def _forget(self, prefix: bytes) -> None:
        await self._delete([key for key, _ in await asyncio.to_thread(self._states.scan, prefix)])

    async def _delete(self, keys: list[bytes]) -> None:
        for start in range(0, len(keys), AT_ONCE):
            group = Transaction(delete=set(keys[start : start + AT_ONCE]))
            await asyncio.wrap_future(self._states.commit(group))

    def _application(self, name: str) -> Application:
        found = self._registry.snapshot().applications.get(name)
        if found is None:
            raise ClipperError(ErrorCode.NOT_FOUND, f"No application with name '{name}' exists.")
        return found


def _checked(before: Application, change: ApplicationChange) -> ApplicationChange:
    """The change with a policy and settings that fit, starting anew if what was learned does not."""
    policy = before.policy if change.policy is None else change.policy
    config = change.policy_config
    if config is None:
        config = before.policy_config if policy == before.policy else {}
    policy_named(policy, config)
    kept = keeps_states((before.policy, before.policy_config), (policy, config))
    return structs.replace(change, policy=policy, policy_config=config, starts_anew=change.starts_anew or not kept)


def _standing(model: str, weight: float, known: tuple[float, float] | None, best: float) -> dict[str, Any]:
    """One model: its weight, and if the policy counts that, its accuracy and what following it would have cost."""
    earned, seen = known or (0.0, 0.0)
    accuracy = earned / seen if seen else None
    regret = None if accuracy is None else (best - accuracy) * seen
    return {"model": model, "weight": weight, "accuracy": accuracy, "feedback": seen, "regret": regret}


def _check_head(head: Head, application: Application) -> None:
    if not keeps_states((head.policy, head.policy_config), (application.policy, application.policy_config)):
        config = msgspec.json.encode(head.policy_config).decode()
        raise invalid(
            f"These states were learned by the policy {head.policy} {config}, "
            f"of which {application.policy} cannot go on: give application '{application.name}' that policy first"
        )


def _try_out(policy: Policy, state: State, models: tuple[str, ...], line: int) -> None:
    """Raise INVALID_ARGUMENT for a state that would break the queries of its context."""
    try:
        policy.weights(state, models or ("",))
        policy.start(state)
    except Exception as error:  # whatever a policy stumbles over
        raise invalid(f"Invalid state in line {line}: the policy cannot go on from it ({error!r})") from None


def _prefix(application: Application) -> bytes:
    return STATES_PREFIX + application.learning.encode() + b"/"


def _epoch(rest: bytes) -> int:
    """Of a key without the application's name: a number and a slash, or nothing in the first one."""
    epoch, slash, _ = rest.partition(b"/")
    return int(epoch) if slash and epoch.isdigit() else 0
