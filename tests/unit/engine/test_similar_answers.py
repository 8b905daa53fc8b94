"""Applications that take answers of similar inputs: what they get, and what the model is asked all the same."""

import struct
from random import Random

from msgspec.structs import replace

from clipper.core.inputs import DType, Input
from clipper.engine.query import APPROXIMATE, EXACT, FRESH
from clipper.registry import changes
from clipper.registry.entities import Application
from clipper.registry.tuning import ApplicationChange
from clipper.wire.batches import ItemFailure, Outcome, ResultBatch
from tests.unit.engine.world import Client, Serving, wanted
from tests.unit.registry.world import application
from tests.virtual_time import ManualClock, run_virtually

SIZE = 20
THINGS = 10
COMPUTE_NS = 10_000_000


def app(*models: str, name: str = "app", max_disagreement: float = 0.02) -> Application:
    return replace(application(), name=name, policy="majority", models=models, max_disagreement=max_disagreement)


class Things:
    """Queries about a few things that never look quite the same, and models that know them."""

    def __init__(self, serving: Serving, clock: ManualClock) -> None:
        self._serving = serving
        self._clock = clock
        self._rng = Random(1)
        self.asked = 0

    def look_like(self, thing: int) -> Input:
        values = [10 * thing + self._rng.random() for _ in range(SIZE)]
        return Input(DType.FLOAT64, (SIZE,), struct.pack(f"<{SIZE}d", *values))

    def query(self, thing: int, name: str = "app", outcome: Outcome | None = None) -> Client:
        """Ask; the models say `outcome`, or which thing it is."""
        _, client = self._serving.ask(name, self.look_like(thing))
        self.answer(outcome or b"%d" % thing)
        self._clock.advance(0.01)
        return client

    def answer(self, outcome: Outcome) -> None:
        for model, version in self._serving.engine.models:
            batch = self._serving.take(model, version)
            size = len(batch.evaluations)
            self.asked += size
            if size:
                result = ResultBatch([outcome] * size, COMPUTE_NS * size)
                self._serving.engine.models[model, version].completed(batch, result, self._clock())

    def teach(self, name: str = "app", count: int = 600) -> None:
        for number in range(count):
            self.query(number % THINGS, name)


def test_answers_of_similar_inputs_are_taken_and_say_so() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            things = Things(serving, clock)
            things.teach()
            things.asked = 0
            clients = [things.query(number % THINGS) for number in range(500)]
            assert [client.outputs for client in clients] == [[b"%d" % (number % THINGS)] for number in range(500)]
            assert sum(client.cached == [APPROXIMATE] for client in clients) > 450
            assert 20 < things.asked < 100  # a tenth is asked to see whether it is right
            approximate = serving.engine.models["m", "1"].approximate
            assert approximate is not None
            assert approximate.steering.sampled > 20
            assert approximate.steering.disagreements == 0

    run_virtually(scenario)


def test_an_input_that_is_cached_itself_is_an_exact_answer() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            things = Things(serving, clock)
            things.teach()
            unlike_all = Input(DType.FLOAT64, (SIZE,), struct.pack(f"<{SIZE}d", *[-999.0] * SIZE))
            _, fresh = serving.ask("app", unlike_all)
            things.answer(b"5")
            _, cached = serving.ask("app", unlike_all)
            assert (fresh.cached, cached.cached) == ([FRESH], [EXACT])

    run_virtually(scenario)


def test_others_get_none_of_it() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            serving.change(changes.add_application(serving.now, app("m", name="strict", max_disagreement=0.0)))
            uncached = replace(app("m", name="uncached"), cache=False)
            serving.change(changes.add_application(serving.now, uncached))
            things = Things(serving, clock)
            things.teach()
            for name in ("strict", "uncached"):
                assert {things.query(number % THINGS, name).cached[0] for number in range(50)} == {FRESH}

    run_virtually(scenario)


def test_a_model_that_fails_teaches_nothing() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m"), wanted())
            things = Things(serving, clock)
            for number in range(600):
                things.query(number % THINGS, outcome=ItemFailure("ValueError: boom"))
            approximate = serving.engine.models["m", "1"].approximate
            assert approximate is not None
            assert len(approximate) == 0
            assert things.query(1).cached == [FRESH]

    run_virtually(scenario)


def test_an_answer_is_approximate_if_one_of_the_models_is_and_the_others_are_cached() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("a", "b"), wanted("a"), wanted("b"))
            things = Things(serving, clock)
            things.teach()
            answers = [things.query(number % THINGS).cached[0] for number in range(200)]
            assert answers.count(APPROXIMATE) > 150
            assert EXACT not in answers
            assert things.query(77).cached == [FRESH]

    run_virtually(scenario)


def test_an_old_answer_is_not_taken_for_a_similar_input_either() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(replace(app("m"), cache_ttl_s=60.0), wanted())
            things = Things(serving, clock)
            things.teach()
            clock.advance(100.0)
            assert {things.query(thing).cached[0] for thing in range(THINGS)} == {FRESH}
            assert APPROXIMATE in {things.query(thing).cached[0] for thing in range(THINGS)}

    run_virtually(scenario)


def test_the_strictest_application_decides_and_a_change_starts_anew() -> None:
    async def scenario(clock: ManualClock) -> None:
        async with Serving(clock) as serving:
            serving.add(app("m", max_disagreement=0.1), wanted())
            model = serving.engine.models["m", "1"]
            serving.change(changes.add_application(serving.now, app("m", name="careful", max_disagreement=0.01)))
            strict = model.approximate
            assert strict is not None
            assert strict.max_disagreement == 0.01
            serving.change(changes.set_application(serving.now, "app", ApplicationChange(priority=3)))
            assert model.approximate is strict
            for name in ("app", "careful"):
                serving.change(changes.set_application(serving.now, name, ApplicationChange(max_disagreement=0.0)))
            assert model.approximate is None

    run_virtually(scenario)
