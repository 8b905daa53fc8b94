"""The demo from beginning to end, and the promises it holds Clipper to: one broken promise, and it fails."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

import msgspec
from rich.text import Text

from clipper.cli.demo.digits import (
    Digits,
    accuracy,
    load_digits,
    require_scikit_learn,
    train_models,
    train_worse_forest,
)
from clipper.cli.demo.learning import Learning
from clipper.cli.demo.load import Load, Pace, Tally, Target
from clipper.cli.demo.readings import Readings, read
from clipper.cli.demo.screen import Board, Screen, console, ms, share
from clipper.cli.demo.server import DemoServer
from clipper.cli.demo.stage import DEFAULT_OUTPUT, SLO_S, BrokenPromise, Stage, until
from clipper.core.clock import monotonic
from clipper.core.errors import ClipperError, ErrorCode

APPLICATION = "digits"

EXAMPLE_NAME = "digit.json"
"""One image in the home folder of a server that is kept, for the commands to try."""

CONNECTIONS = 32
FULL_SPEED_S = 5.0
STEADY_SHARE = 0.1
"""Of the full speed, as the load under which things are deployed and broken: room for the processes that start then."""

OBSERVE_S = 3.0
"""How long a version is watched before it is judged: some hundred feedbacks at any pace."""

LEAST_ACCURACY = 0.9
"""Of what models answer. Any one of them is better; below it something is wrong with what is answered."""

LEAST_ACCURACY_BACK = 0.6
"""Of forest as feedback finds it after the roll-back: half-way between its two versions."""

SETTLE_S = 1.0
"""After a switch, for what was already on its way to the other version."""

REPLICA_BACK_S = 30.0
READ_EVERY_S = 1.0
SWITCH_INTERVAL_S = 0.0005
"""Between two threads of this process: the screen must not delay the account of a query by milliseconds."""

T = TypeVar("T")


def run_demo(keep: bool, home: Path | None) -> int:
    """Tell the story; 0 if every promise held, else 1.

    Raises:
        ClipperError: NOT_FOUND without scikit-learn, and whatever a step of it meets.
    """
    require_scikit_learn()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    out = console()
    server = DemoServer(home, keep)
    done = False
    try:
        server.prepare()
        with Screen(out) as screen:
            story = Story(server, screen, Board(APPLICATION, SLO_S))
            story.tell()
        out.print(story.summary(keep), soft_wrap=True)
        done = True
    except BrokenPromise as broken:
        out.print(Text(f"\nThe demo failed: {broken}", style="bold red"))
    finally:
        if not (keep and done):
            server.stop()
    return 0 if done else 1


class Story:
    """The steps in order; each leaves what the next needs."""

    def __init__(self, server: DemoServer, screen: Screen, board: Board) -> None:
        self._server = server
        self._screen = screen
        self._board = board
        self._last_reading_s = 0.0
        self._steady_per_s = 0.0
        self._digits: Digits
        self._models: dict[str, Any]
        self._stage: Stage

    def tell(self) -> None:
        """Everything. Raises BrokenPromise or ClipperError."""
        self._screen.say(
            Text.assemble(
                ("Clipper", "bold cyan"),
                "  handwritten digits: one application, three models, an answer within 20 ms\n",
            )
        )
        self._train()
        self._serve()
        try:
            self._deploy()
            self._ask_one_by_one()
            self._ask_at_full_speed()
            self._board.begin()
            with self._stage.load(APPLICATION, Pace(connections=CONNECTIONS, per_second=self._steady_per_s)) as load:
                self._deploy_worse_version(load)
                self._roll_back(load)
                self._kill_container(load)
            self._screen.say(self._board.render())
            Learning(self._stage).tell()
        finally:
            self._stage.close()

    def summary(self, keep: bool) -> Text:
        """What was shown, and what to do next."""
        total = self._stage.total
        if keep:
            image = self._digits.images[0]
            (self._server.home / EXAMPLE_NAME).write_bytes(msgspec.json.encode(image))
        text = Text(
            f"\nEvery one of {total.sent:,} queries was answered, {total.defaults:,} of them "
            f"({share(total.defaults / total.sent)}) with the default output.\n"
        )
        return text + (
            _next_steps_kept(self._server, self._stage.target(APPLICATION), self._digits.labels[0])
            if keep
            else _next_steps()
        )

    def _train(self) -> None:
        with self._screen.step("Train", "three kinds of scikit-learn models on half of the images") as step:
            self._digits = load_digits()
            self._models = train_models(self._digits)
            scores = ", ".join(f"{name} {share(accuracy(model, self._digits))}" for name, model in self._models.items())
            step.result = f"{scores} right on {len(self._digits)} held-out images"

    def _serve(self) -> None:
        with self._screen.step("Serve", "clipper serve") as step:
            self._stage = Stage(self._server.start(), self._screen, self._digits, self._models)
            step.result = f"a controller and a query frontend, on http://{self._stage.clipper.get_query_addr()}"

    def _deploy(self) -> None:
        with self._screen.step("Deploy", "an application, and a process for each model") as step:
            clipper = self._stage.clipper
            clipper.register_application(APPLICATION, "doubles", DEFAULT_OUTPUT, round(SLO_S * 1e6))
            deploying = [
                self._stage.work.submit(clipper.deploy_model, name, 1, model) for name, model in self._models.items()
            ]
            for each in deploying:
                each.result()
            clipper.set_linked_models(APPLICATION, list(self._models))
            step.result = f"{', '.join(self._models)}: each a process of its own, linked to application {APPLICATION}"

    def _ask_one_by_one(self) -> None:
        count = len(self._digits)
        with self._screen.step(
            "One by one", f"{count} held-out images, and the truth about some", below=self._board
        ) as step:
            images = cycle(zip(self._digits.images, self._digits.labels, strict=True))
            self._board.begin()
            with self._stage.load(APPLICATION, Pace(connections=1, limit=count), images) as load:
                self._follow(load, lambda: until(lambda: not load.running))
            tally = load.tally
            step.result = f"{count} queries, {share(tally.accuracy)} right, p50 {_p50(tally)}, p99 {_p99(tally)}"
        if tally.model_accuracy < LEAST_ACCURACY:
            raise BrokenPromise(f"only {share(tally.model_accuracy)} of the models' answers were right")

    def _ask_at_full_speed(self) -> None:
        detail = (
            f"{CONNECTIONS} connections, as fast as they are answered; every other image is seen for the first time"
        )
        with self._screen.step("Full speed", detail, below=self._board) as step:
            before = self._read()
            self._board.begin()
            with self._stage.load(APPLICATION, Pace(connections=CONNECTIONS)) as load:
                self._follow(load, lambda: sleep(FULL_SPEED_S))
            tally = load.tally
            rate = tally.answered / FULL_SPEED_S
            self._steady_per_s = rate * STEADY_SHARE
            used = [self._read().model(name, "1").since(before.model(name, "1")) for name in self._models]
            batch = sum(each.predictions for each in used) / max(1.0, sum(each.batches for each in used))
            hits = sum(each.hit_share for each in used) / len(used)
            step.result = (
                f"{rate:,.0f} answers/s, p50 {_p50(tally)}, p99 {_p99(tally)}; "
                f"batches of {batch:.1f}, {share(hits)} from the cache"
            )

    def _deploy_worse_version(self, load: Load) -> None:
        detail = f"forest 2, under {self._steady_per_s:,.0f} queries/s: a slip, it has a single small tree"
        with self._screen.step("Bad version", detail, below=self._board) as step:
            worse = train_worse_forest(self._digits)
            self._follow(load, lambda: self._stage.clipper.deploy_model("forest", 2, worse))
            before, tally = self._read(), load.tally.copy()
            self._follow(load, lambda: sleep(OBSERVE_S))
            after = self._read()
            observed, earlier = after.observed_accuracy("forest", before), before.observed_accuracy("forest")
            step.result = (
                f"forest 2 took over without a pause; feedback finds it right {_known(observed)} of the time, "
                f"not {_known(earlier)}; all three together: {share(load.tally.since(tally).accuracy)}"
            )
        if not after.model("forest", "2").since(before.model("forest", "2")).asked:
            raise BrokenPromise("forest 2 was deployed and never asked")

    def _roll_back(self, load: Load) -> None:
        with self._screen.step("Roll back", "forest, to the version that is still warm", below=self._board) as step:
            start = monotonic()
            version = self._stage.clipper.rollback("forest")
            took_s = monotonic() - start
            self._follow(load, lambda: sleep(SETTLE_S))
            middle = self._read()
            self._follow(load, lambda: sleep(OBSERVE_S))
            after = self._read()
            observed = after.observed_accuracy("forest", middle)
            step.result = (
                f"forest {version} answers again after {ms(took_s)}; found right {_known(observed)} of the time"
            )
        asked = {each: after.model("forest", each).since(middle.model("forest", each)) for each in ("1", "2")}
        if asked["2"].asked or not asked["1"].asked:
            raise BrokenPromise(
                "the roll-back of forest was not effective: after it version 1 was asked "
                f"{asked['1'].asked:,.0f} times and version 2 {asked['2'].asked:,.0f} times"
            )
        if observed is not None and observed < LEAST_ACCURACY_BACK:
            raise BrokenPromise(f"forest is found right only {share(observed)} of the time after the roll-back")

    def _kill_container(self, load: Load) -> None:
        with self._screen.step("kill -9", "the process of svm, and wait for another", below=self._board) as step:
            before, victim = load.tally.copy(), self._replica("svm")
            os.kill(victim["pid"], signal.SIGKILL)
            start = monotonic()
            self._follow(load, lambda: until(lambda: self._is_replaced(victim), REPLICA_BACK_S))
            took_s = monotonic() - start
            tally = load.tally.since(before)
            if not self._is_replaced(victim):
                raise BrokenPromise(f"svm had no new process {REPLICA_BACK_S:g} s after its death")
            self._follow(load, lambda: sleep(OBSERVE_S))
            step.result = (
                f"svm was back after {took_s:.1f} s; the {tally.answered:,} queries meanwhile were answered by the "
                f"others, {share(tally.accuracy)} right, p99 {_p99(tally)}, {tally.defaults} defaults"
            )

    def _follow(self, load: Load, work: Callable[[], T]) -> T:
        """The result of `work`, with the numbers on the screen kept fresh meanwhile."""

        def look() -> None:
            self._board.count(load.tally)
            if monotonic() - self._last_reading_s > READ_EVERY_S:
                self._read()

        return self._stage.follow(work, look)

    def _read(self) -> Readings:
        readings = read(self._stage.clipper.inspect_instance(), APPLICATION)
        self._board.read(readings, self._stage.clipper.state())
        self._last_reading_s = monotonic()
        return readings

    def _replica(self, name: str) -> dict[str, Any]:
        """The one replica of a model's current version."""
        version = self._stage.clipper.get_current_model_version(name)
        for each in self._stage.clipper.get_all_model_replicas(verbose=True):
            if (each["model_name"], each["model_version"]) == (name, version):
                return dict(each)
        raise ClipperError(ErrorCode.NOT_FOUND, f"Model {name!r} has no replica")

    def _is_replaced(self, victim: dict[str, Any]) -> bool:
        now = self._replica(victim["model_name"])
        return bool(now["state"] == "ready" and now["pid"] != victim["pid"])


def _p50(tally: Tally) -> str:
    return ms(tally.quantile_s(0.5))


def _p99(tally: Tally) -> str:
    return ms(tally.quantile_s(0.99))


def _known(value: float | None) -> str:
    return "an unknown share" if value is None else share(value)


def _next_steps() -> Text:
    return Text.assemble(
        "Next: ",
        ("clipper demo --keep", "bold"),
        " leaves it serving; ",
        ("clipper serve", "bold"),
        " starts a server of your own, and README.md says what to do with it.",
    )


def _next_steps_kept(server: DemoServer, target: Target, label: int) -> Text:
    url = f"http://{target.host}:{target.port}"
    on_path = [] if shutil.which("clipper") else [f"export PATH={Path(sys.executable).parent}:$PATH"]
    commands = (
        *on_path,
        f"export CLIPPER_HOME={server.home}",
        "clipper status --watch",
        f"clipper predict {APPLICATION} @$CLIPPER_HOME/{EXAMPLE_NAME}",
        f"clipper feedback {APPLICATION} --input @$CLIPPER_HOME/{EXAMPLE_NAME} --label {label}",
        f"""curl -d "{{\\"input\\": $(cat $CLIPPER_HOME/{EXAMPLE_NAME})}}" {url}/{APPLICATION}/predict""",
        f"curl {url}/metrics",
        "clipper rollback forest --to 2",
        "clipper logs svm",
        f"kill {server.pid}    # ends it; its home folder stays",
    )
    return Text("It goes on serving. Try:\n\n") + Text("\n").join(Text(f"  {each}", style="bold") for each in commands)
