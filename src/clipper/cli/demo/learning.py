"""The second half of the story: an ensemble and a policy for each user, learning from feedback while they answer.

Two applications more, over models that are served already: nothing but their policies is new.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from time import sleep
from typing import NamedTuple, TypeVar

from rich.text import Text

from clipper.cli.demo.digits import train_for_turned, train_on_columns, turned
from clipper.cli.demo.load import Load, Pace
from clipper.cli.demo.screen import share
from clipper.cli.demo.stage import DEFAULT_OUTPUT, SLO_S, BrokenPromise, Stage, until
from clipper.cli.demo.weights import Weights

ENSEMBLE, PERSONAL = "digits-ensemble", "digits-personal"
POLICY = "hedge"

PACE = Pace(connections=8, per_second=250.0, feedback_every=1)
LEARN_S, OBSERVE_S = 4.0, 3.0
"""A thousand feedbacks, and enough to judge by."""

ROUTED_AROUND_S, BACK_S = 20.0, 30.0
"""In which weights have to move: some tens of feedbacks, and, from next to nothing to a voice again, some hundred."""

BROKEN = "svm"
LARGEST_BROKEN_WEIGHT, LEAST_WEIGHT_BACK = 0.05, 0.25
LEAST_ACCURACY = 0.9
"""Of the ensemble with a broken member: the others alone are better."""

TURNS = {"upright": 0, "left": 1, "upside-down": 2}
"""Quarters by which users turn their pages; a model for each."""

USERS = 24
FEEDBACKS = 10
"""Of each user."""

LEAST_PERSONAL_ACCURACY = 0.9
"""Of the last answers to users: 97 % are usual."""

T = TypeVar("T")


class _User(NamedTuple):
    name: str
    turn: str


class Learning:
    """The steps in order."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._screen = stage.screen
        self._weights = Weights(list(stage.models))

    def tell(self) -> None:
        """Everything. Raises BrokenPromise or ClipperError."""
        self._screen.say(
            Text.assemble("\n", ("Policies that learn", "bold cyan"), "  from feedback, while they answer\n")
        )
        self._make_ensemble()
        with self._stage.load(ENSEMBLE, PACE) as load:
            self._learn(load)
            self._break(load)
            self._repair(load)
        self._screen.say(self._weights.render())
        self._screen.say()
        self._make_personal()
        self._learn_users()

    def _make_ensemble(self) -> None:
        clipper = self._stage.clipper
        clipper.register_application(ENSEMBLE, "doubles", DEFAULT_OUTPUT, round(SLO_S * 1e6), policy=POLICY)
        clipper.set_linked_models(ENSEMBLE, list(self._stage.models))

    def _learn(self, load: Load) -> None:
        detail = f"an ensemble with policy {POLICY}: all models vote, weighted by what feedback finds them worth"
        with self._screen.step("Ensemble", detail, below=self._weights) as step:
            self._follow(lambda: sleep(LEARN_S))
            tally = load.tally
            weights = ", ".join(f"{model} {weight:.2f}" for model, weight in self._now().items())
            step.result = f"{share(tally.accuracy)} right; {tally.feedback:,} feedbacks have made the weights {weights}"
        if not tally.feedback:
            raise BrokenPromise("no feedback was acknowledged")

    def _break(self, load: Load) -> None:
        detail = f"{BROKEN} 2, trained on images read column by column; nobody rolls it back"
        with self._screen.step("It breaks", detail, below=self._weights) as step:
            slip = train_on_columns(self._stage.digits)
            self._follow(lambda: self._stage.clipper.deploy_model(BROKEN, 2, slip))
            before = load.tally.copy()
            self._wait(lambda weight: weight < LARGEST_BROKEN_WEIGHT, ROUTED_AROUND_S)
            learned = load.tally.since(before).feedback
            settled = load.tally.copy()
            self._follow(lambda: sleep(OBSERVE_S))
            tally, weight = load.tally.since(settled), self._now()[BROKEN]
            alone = float(slip.score(self._stage.digits.images, self._stage.digits.labels))
            step.result = (
                f"{BROKEN} 2 is right {share(alone)} of the time; its weight went to {weight:.2f} within "
                f"{learned:,} feedbacks, and the ensemble is {share(tally.model_accuracy)} right"
            )
        if weight >= LARGEST_BROKEN_WEIGHT:
            raise BrokenPromise(f"{BROKEN} is broken and has a weight of {weight:.2f} still")
        if tally.model_accuracy < LEAST_ACCURACY:
            raise BrokenPromise(f"with {BROKEN} broken the ensemble is right {share(tally.model_accuracy)} of the time")

    def _repair(self, load: Load) -> None:
        detail = f"{BROKEN}, rolled back; the policy is not told"
        with self._screen.step("Repaired", detail, below=self._weights) as step:
            before = load.tally.copy()
            self._stage.clipper.rollback(BROKEN)
            self._wait(lambda weight: weight > LEAST_WEIGHT_BACK, BACK_S)
            weight, tally = self._now()[BROKEN], load.tally.since(before)
            step.result = f"its weight is {weight:.2f} again after {tally.feedback:,} feedbacks"
        if weight <= LEAST_WEIGHT_BACK:
            raise BrokenPromise(f"{BROKEN} works again, and its weight is only {weight:.2f}")

    def _make_personal(self) -> None:
        detail = "two more models: for pages turned to the left, and upside down"
        with self._screen.step("Personal", detail) as step:
            clipper, stage = self._stage.clipper, self._stage
            names = {turn: BROKEN if not quarters else turn for turn, quarters in TURNS.items()}
            deploying = [
                stage.work.submit(clipper.deploy_model, names[turn], 1, train_for_turned(stage.digits, quarters))
                for turn, quarters in TURNS.items()
                if quarters
            ]
            for each in deploying:
                each.result()
            clipper.register_application(PERSONAL, "doubles", DEFAULT_OUTPUT, round(SLO_S * 1e6), policy=POLICY)
            clipper.set_linked_models(PERSONAL, list(names.values()))
            self._weights = Weights(list(names.values()))
            step.result = (
                f"{USERS} users hold their pages in {len(TURNS)} ways and do not say which; a model for each way"
            )

    def _learn_users(self) -> None:
        users = [_User(f"user-{n}", list(TURNS)[n % len(TURNS)]) for n in range(USERS)]
        right: Counter[int] = Counter()  # by how much feedback the user had given before
        detail = f"each user's own weights, from {FEEDBACKS} answers each"
        with self._screen.step("Each user", detail, below=self._weights) as step:
            images = {user: self._images(user, seed) for seed, user in enumerate(users)}
            for given in range(FEEDBACKS):
                answers = self._stage.follow(lambda: [self._ask(user, images[user]) for user in users], lambda: None)
                right[given] = sum(answers)
                self._draw_users(users[: len(TURNS)])
            first, last = right[0] / USERS, sum(right[n] for n in range(FEEDBACKS - 4, FEEDBACKS)) / (4 * USERS)
            step.result = (
                f"right {share(first)} of the time before a user's first feedback, "
                f"{share(right[2] / USERS)} after two, {share(last)} in the end"
            )
        self._screen.say(self._weights.render())
        if last < LEAST_PERSONAL_ACCURACY or last <= first:
            raise BrokenPromise(
                f"after {FEEDBACKS} feedbacks users are answered rightly only {share(last)} of the time"
            )

    def _ask(self, user: _User, images: Iterator[tuple[list[int], int]]) -> bool:
        """One query and its feedback; whether the answer was right."""
        application = self._stage.clipper.application(PERSONAL)
        image, label = next(images)
        prediction = application.predict(image, context=user.name)
        application.feedback(label, query_id=prediction.query_id)
        return bool(prediction.output == label)

    def _images(self, user: _User, seed: int) -> Iterator[tuple[list[int], int]]:
        for image, label in self._stage.digits.again_and_fresh(seed):
            yield turned(image, TURNS[user.turn])[0].tolist(), label

    def _draw_users(self, users: list[_User]) -> None:
        for user in users:
            self._weights.add(f"{user.name}, page {user.turn}", self._learned(PERSONAL, user.name))

    def _now(self) -> dict[str, float]:
        """The ensemble's weights, drawn as well."""
        learned = self._learned(ENSEMBLE)
        self._weights.add(ENSEMBLE, learned)
        return learned

    def _learned(self, application: str, context: str | None = None) -> dict[str, float]:
        models = self._stage.clipper.get_weights(application, context)["models"]
        return {each["model"]: each["weight"] for each in models}

    def _draw(self) -> None:
        self._now()

    def _wait(self, condition: Callable[[float], bool], timeout_s: float) -> None:
        """Until the weight of the model that breaks is as it should be, within a bound."""
        self._follow(lambda: until(lambda: condition(self._weights.now(ENSEMBLE, BROKEN)), timeout_s))

    def _follow(self, work: Callable[[], T]) -> T:
        return self._stage.follow(work, self._draw)
