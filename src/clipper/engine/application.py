"""One application as this frontend serves it: what happens to a query between its arrival and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from clipper.abstraction.model import SHED, ServedModel
from clipper.abstraction.terms import Terms
from clipper.core.errors import invalid
from clipper.core.histogram import Histogram
from clipper.core.prediction import NO_MODELS, OVERLOADED, SLO_MISSED, UNSURE, unsure
from clipper.engine.deadlines import Deadlines
from clipper.engine.evidence import Evidence
from clipper.engine.query import APPROXIMATE, EXACT, Concluder, PendingQuery
from clipper.engine.shedding import expected_at, has_load, worth_asking
from clipper.engine.states import States
from clipper.registry.entities import Application
from clipper.selection.policies import policy_named
from clipper.selection.policy import Item, Outputs, Ranked, Selection, State
from clipper.wire.batches import ItemFailure

ANSWERING_SHARE: Final = 0.1
ANSWERING_MAX_S: Final = 0.002
"""The end of a latency objective that is kept for writing the answer: a tenth of it, at most 2 ms, which is what a
busy event loop has been seen to wake up late."""


MODEL_FAILED: Final = "model failed"
"""What defaults are counted under whose explanation is a model's own message."""


NOT_RANKED: Final = "No model has said numbers of this item that fit what others say"


class ApplicationMeasures:
    """What this frontend counts of one application; `judged` by (model, whether feedback found it right).

    Attributes:
        evidence: the newest queries with feedback.
    """

    __slots__ = ("defaults", "evidence", "feedback", "judged", "latency_s")

    def __init__(self) -> None:
        self.evidence = Evidence()
        self.feedback = 0
        self.defaults: dict[str, int] = {}
        self.judged: dict[tuple[str, bool], int] = {}
        self.latency_s = Histogram()

    @property
    def queries(self) -> int:
        """Queries answered."""
        return self.latency_s.count


@dataclass(frozen=True)
class Shared:
    """What all applications of one frontend share. `versions` has every model version that is served."""

    versions: Mapping[tuple[str, str], ServedModel]
    deadlines: Deadlines
    rng: Random


class ServedApplication(Concluder):
    """Selects models for a query, asks them, and concludes it with what has arrived by its deadline.

    `models` maps a model's name to its current version.
    """

    def __init__(
        self,
        spec: Application,
        models: Mapping[str, ServedModel],
        states: States,
        measures: ApplicationMeasures,
        shared: Shared,
    ) -> None:
        super().__init__(spec.name)
        self.spec = spec
        self.input_type_name = spec.input_type.value
        self.slo_s = spec.latency_slo_micros * 1e-6
        self.patience_s = self.slo_s - min(ANSWERING_SHARE * self.slo_s, ANSWERING_MAX_S)
        self._terms = Terms(self.slo_s, priority=spec.priority, cached=spec.cache, ttl_s=spec.cache_ttl_s)
        self._takes_similar = spec.cache and spec.max_disagreement > 0.0
        self.policy = policy_named(spec.policy, spec.policy_config)
        self.states = states
        self.measures = measures
        self._latency_s = measures.latency_s
        self.default_output = encode_default(spec.default_output)
        self._models = models
        self._names = tuple(name for name in spec.models if name in models)
        self._threshold = spec.confidence_threshold
        self._is_verbatim = self.policy.verbatim and self._threshold <= 0.0  # else it has to be asked how sure it is
        self._is_ensemble = self.policy.is_ensemble
        self._in_stages = self.policy.in_stages and len(self._names) > 1
        self._only = models[self._names[0]] if len(self._names) == 1 and self._is_verbatim else None
        self._only_selection = Selection(self._names, (1.0,))
        self._last_models: tuple[str, ...] = ()
        self._last_members: list[ServedModel] = []
        self._quorum = 1
        self._quorum_state: State | None = None
        self._quorum_models: tuple[str, ...] = ()
        self._ranked: State | None = None
        self._ranked_models: tuple[str, ...] = ()
        self._ranking: list[int] = []
        self._versions = shared.versions
        self._deadlines = shared.deadlines.lane(self.slo_s)
        self._rng = shared.rng

    def predict(self, query: PendingQuery, now: float) -> None:
        """Ask the models that the policy selects; `query.reply_to` gets the answer by the deadline."""
        query.application = self
        if self._only is not None:
            self._ask_only(query, self._only, now)
            return
        if not self._names:
            self.conclude(query, now)
            return
        state = self.states.current(query.context)
        selection = self.policy.select(state, self._names, query, self._rng)
        if selection.models is not self._last_models:
            self._last_members = [self._models[name] for name in selection.models]
            self._last_models = selection.models
        members = self._last_members
        query.selection = selection
        query.state = state
        query.outcomes = []
        if len(members) > 1:
            query.quorum = self._quorum_of(state, selection.models)
        if self._is_ensemble and len(members) > 1 and has_load(members):
            ranking = self._ranked_members(state, selection.models)
            expected = expected_at(members, query.input, now, self._terms)
            chosen = worth_asking(expected, ranking, query.deadline, now)
            self._ask_members(query, members, now, chosen)
        else:
            self._ask_members(query, members, now, None)

    def predict_with_version(self, query: PendingQuery, version: str, now: float) -> None:
        """Ask that version of the one linked model. Raises INVALID_ARGUMENT if there is no such one."""
        query.application = self
        if not self.spec.models:
            self.conclude(query, now)
            return
        model = self._version(version)
        query.selection = Selection((model.name,), (1.0,))
        query.outcomes = []
        self._ask_members(query, [model], now, None)

    def is_decided(self, query: PendingQuery) -> bool:
        """Whether what is still missing can no longer change the answer, nor is needed to be sure enough of it."""
        selection = query.selection
        if selection is None:
            return False
        state, outputs = self._state_of(query), query.outputs()
        if not self.policy.is_decided(state, query, selection, outputs):
            return False
        if self._threshold <= 0.0:
            return True
        answer = self.policy.combine(state, query, selection, outputs)
        return answer is not None and answer.confidence >= self._threshold

    def conclude(self, query: PendingQuery, now: float) -> None:
        """Answer with what has arrived, or with the default output and why; or ask further models, in stages."""
        if self._in_stages and not query.waiting and self._ask_further(query, now):
            return
        outcomes = query.outcomes
        if len(outcomes) == 1 and type(outcomes[0]) is bytes and self._is_verbatim:
            query.output = outcomes[0]  # one model was asked and answered: there is nothing to combine
        else:
            self._combine(query)
        query.concluded = True
        query.answered = not query.waiting or now >= query.deadline  # else feedback will want what is still to come
        self._latency_s.observe(now - query.arrived)
        query.state = None  # the journal keeps the query, not what was learned up to then
        reply_to = query.reply_to
        query.reply_to = None
        if reply_to is not None:
            reply_to.answer(query, now)

    def rank(self, items: list[PendingQuery]) -> list[Ranked]:
        """Those of the concluded items that can be judged, best first; their scores become their outputs."""
        judged: list[Item] = []
        places: list[int] = []
        for place, query in enumerate(items):
            if query.explanation is None and query.selection is not None:
                judged.append(Item(query, query.selection, query.outputs()))
                places.append(place)
        if not judged:
            return []
        state = self.states.current(items[0].context)
        ranking = [Ranked(places[at], score) for at, score in self.policy.rank_items(state, judged, self._rng)]
        for place, score in ranking:
            items[place].output = msgspec.json.encode(score)
        for place in places:
            if not items[place].output:
                self._answer_default(items[place], NOT_RANKED, MODEL_FAILED)
        return ranking

    def abandon(self, query: PendingQuery) -> None:
        """Take what was asked for this query out of the queues, unless others wait for it too."""
        if query.selection is None:
            return
        for name, outcome in zip(query.selection.models, query.outcomes, strict=True):
            model = self._models.get(name)
            if outcome is None and model is not None:
                model.abandon(query.input, query.arrived)

    def _ask_only(self, query: PendingQuery, model: ServedModel, now: float) -> None:
        """As `_ask`, where there is one model and so nothing to select: what most applications are."""
        if not model.can_answer:
            self.conclude(query, now)
            return
        query.selection = self._only_selection
        query.outcomes = [None]
        query.waiting = 1
        if self._takes_similar:
            output = self._ask_similar(query, model, 0, now)
        else:
            output = model.ask(query.input, query.deadline, now, self._terms, query, 0)
        if output is not None:
            query.outcomes[0] = output
            query.waiting = 0
            if not query.cache:
                query.cache = EXACT
            self.conclude(query, now)
        elif query.waiting:
            self._deadlines.watch(query)

    def _state_of(self, query: PendingQuery) -> State:
        state = query.state
        return self.states.current(query.context) if state is None else state

    def _quorum_of(self, state: State, models: tuple[str, ...]) -> int:
        """How many must have answered before it is worth asking whether the answer is decided."""
        if state is not self._quorum_state or models is not self._quorum_models:
            self._quorum = self.policy.quorum(state, models)
            self._quorum_state = state
            self._quorum_models = models
        return self._quorum

    def _ranked_members(self, state: State, models: tuple[str, ...]) -> list[int]:
        """The places of the selected models, best first."""
        if state is not self._ranked or models is not self._ranked_models:
            self._ranking = [models.index(name) for name in self.policy.ranked(state, models)]
            self._ranked = state
            self._ranked_models = models
        return self._ranking

    def _ask_further(self, query: PendingQuery, now: float) -> bool:
        """Ask those that the policy names now that all others have answered; False if there is nobody or no time."""
        selection = query.selection
        if selection is None or now >= query.deadline:
            return False
        state = self._state_of(query)
        named = self.policy.further(state, self._names, query, selection, query.outputs())
        more = tuple([name for name in named if name in self._models and name not in selection.models])
        if not more:
            return False
        certain = (1.0,) * len(more)
        query.selection = Selection(selection.models + more, selection.propensities + certain, selection.draw)
        self._ask_members(query, [self._models[name] for name in more], now, None)
        return True

    def _ask_members(
        self, query: PendingQuery, models: list[ServedModel], now: float, chosen: list[bool] | None
    ) -> None:
        """Ask the members of the selection that have not been asked yet; where there is a choice, only those chosen."""
        outcomes = query.outcomes
        first = len(outcomes)
        outcomes.extend([None] * len(models))
        query.waiting = len(models)
        for member, model in enumerate(models, first):
            if chosen is not None and not chosen[member]:
                outcomes[member] = SHED  # the record says that it was left out, and why
                model.measures.shed += 1
            elif model.can_answer:
                if self._takes_similar:
                    output = self._ask_similar(query, model, member, now)
                else:
                    output = model.ask(query.input, query.deadline, now, self._terms, query, member)
                if output is None:
                    continue
                outcomes[member] = output
                if not query.cache:
                    query.cache = EXACT
            query.waiting -= 1
        if query.waiting:
            self._deadlines.watch(query)
        if not query.concluded and (
            not query.waiting
            or (query.cache and len(outcomes) - query.waiting >= query.quorum and self.is_decided(query))
        ):
            self.conclude(query, now)

    def _ask_similar(self, query: PendingQuery, model: ServedModel, member: int, now: float) -> bytes | None:
        """As `model.ask`, for who takes what was said of a similar input too."""
        terms = self._terms
        lookup = model.look_up(query.input, now, terms)
        if lookup is None:
            return model.ask(query.input, query.deadline, now, terms, query, member)
        if lookup.is_hit:
            query.cache = APPROXIMATE
            if lookup.is_sample:
                model.verify(query.input, lookup, query.deadline, now, terms)
            return lookup.nearest.output
        output = model.ask(query.input, query.deadline, now, terms, query, member)
        model.learn_from(query.input, lookup)
        return output

    def _combine(self, query: PendingQuery) -> None:
        """One output from those that have arrived, or the default one."""
        selection = query.selection
        if selection is None:
            self._answer_default(query, NO_MODELS, NO_MODELS)
            return
        outputs = query.outputs()
        if query.is_item and outputs.count(None) < len(outputs):
            self._name_missing(query, selection, outputs)
            return  # it is judged with all others
        answer = self.policy.combine(self._state_of(query), query, selection, outputs)
        query.answer = answer
        if answer is None:
            explanation = _why_nothing(query)
            reason = explanation if explanation in (SLO_MISSED, NO_MODELS, OVERLOADED) else MODEL_FAILED
            self._answer_default(query, explanation, reason)
        elif answer.confidence < self._threshold:
            self._answer_default(query, unsure(answer.confidence, self._threshold), UNSURE)
        else:
            query.output = answer.output
            if self._is_ensemble:
                self._name_missing(query, selection, outputs)

    def _name_missing(self, query: PendingQuery, selection: Selection, outputs: Outputs) -> None:
        if None in outputs:
            silent = [name for name, output in zip(selection.models, outputs, strict=True) if output is None]
            query.missing = tuple(silent)

    def _answer_default(self, query: PendingQuery, explanation: str, reason: str) -> None:
        query.output = self.default_output
        query.explanation = explanation
        self.measures.defaults[reason] = self.measures.defaults.get(reason, 0) + 1

    def _version(self, version: str) -> ServedModel:
        if len(self.spec.models) > 1:
            raise invalid(
                f"Too many models linked to application {self.name}: 'version' needs exactly one linked model"
            )
        (name,) = self.spec.models
        model = self._versions.get((name, version))
        if model is None:
            raise invalid(f"Requested version: {version} does not exist for model: {name}")
        return model


def encode_default(text: str) -> bytes:
    """A default output as JSON text: as it is if it parses as JSON, else as a JSON string (as the original did)."""
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return msgspec.json.encode(text)
    return text.encode()


def _why_nothing(query: PendingQuery) -> str:
    for outcome in query.outcomes:
        if isinstance(outcome, ItemFailure):
            return outcome.message
    return SLO_MISSED if query.waiting else NO_MODELS
