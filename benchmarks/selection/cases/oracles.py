"""Our bandits beside those of two other libraries, on the same streams of rewards."""

import json
import subprocess
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import Bench
from benchmarks.environment import Unavailable, python_for
from benchmarks.report import Sheet
from benchmarks.section import Section, at_most
from benchmarks.selection.streams import QUERY
from clipper.selection.policies import policy_named
from clipper.selection.policy import Feedback, Selection

SCRIPT = Path(__file__).parents[1] / "oracles.py"
LIMIT_S = 300
ARMS = (0.4, 0.5, 0.6, 0.8)  # what each earns
ROUNDS, SEEDS, QUICK_SEEDS = 500, 50, 6
GAMMA = 0.1  # of the other library's Exp3
CONFIGS = {"exp3": {"eta": GAMMA / len(ARMS), "explore": GAMMA}}
COLD = {"exp3"}  # no trial of each model first: river's Exp3 has to draw before it learns
SIGMAS = 3.0  # seven comparisons: by chance one in fifty runs exceeds this

Choices = NDArray[np.int64]  # by seed and round


def measure(bench: Bench) -> Section:
    """Raises Unavailable if the libraries cannot be installed."""
    seeds = QUICK_SEEDS if bench.quick else SEEDS
    theirs = _others(bench, seeds)
    ours = {name: choices(name, seeds) for name in sorted({pair.partition(",")[0] for pair in theirs})}
    rows: list[tuple[str, ...]] = []
    verdicts = []
    for pair, their_choices in theirs.items():
        name = pair.partition(",")[0]
        mine, other = regrets(ours[name]), regrets(their_choices)
        noise = float(np.sqrt(mine.var() / len(mine) + other.var() / len(other)))
        apart = abs(float(mine.mean() - other.mean())) / max(noise, 1e-9)
        same = float((ours[name] == their_choices).mean())
        rows.append((pair, f"{mine.mean():.1f}", f"{other.mean():.1f}", f"± {noise:.1f}", f"{same:.1%}"))
        verdicts.append(at_most(f"{pair}: regrets apart", apart, SIGMAS, "standard errors"))
        bench.tell(f"{pair}: {mine.mean():.1f} and {other.mean():.1f} ± {noise:.1f}, {same:.1%} the same choices")
    head = ("policy, and whose else", "our regret", "theirs", "noise of the difference", "same choices")
    return Section(
        "oracles",
        "Beside other libraries",
        f"Four models that earn {', '.join(map(str, ARMS))}, {ROUNDS} queries, {seeds} seeds: the same rewards "
        "for ours and for mabwiser's and river's bandits. Each model is tried once first (not by `exp3`). Regret is "
        "against the best model. Chance is drawn differently everywhere, so that regrets are compared; `exp3` learns "
        "from losses, river's from gains. In the tests, all of these follow the textbook's formulas step by step.",
        [Sheet("Regret", head, rows)],
        verdicts,
    )


def rewards_of(seed: int) -> NDArray[np.bool_]:
    """What each model would earn in each round; as the other libraries' script makes it."""
    return np.random.default_rng(seed).random((ROUNDS, len(ARMS))) < ARMS


def choices(name: str, seeds: int) -> Choices:
    """Of one of our policies."""
    policy = policy_named(name, CONFIGS.get(name, {}))
    models = tuple(f"model-{place}" for place in range(len(ARMS)))
    found = []
    for seed in range(seeds):
        rewards, rng, state, chosen = rewards_of(seed), Random(seed), policy.init(models), []
        for row in range(len(ARMS) if name in COLD else 0, ROUNDS):
            selection = policy.select(state, models, QUERY, rng)
            if row < len(ARMS):
                selection = Selection((models[row],), (1.0,))
            place = models.index(selection.models[0])
            earned = Feedback(reward=float(rewards[row, place]))
            state = policy.observe(state, QUERY, earned, selection, [b"1"])
            chosen.append(place)
        found.append(chosen[len(ARMS) - ROUNDS :])
    return np.array(found)


def regrets(chosen: Choices) -> NDArray[np.float64]:
    """For each seed, what the best model would have earned more."""
    best = int(np.argmax(ARMS))
    found = []
    for seed, places in enumerate(chosen):
        rewards = rewards_of(seed)[len(ARMS) :]
        found.append(float(rewards[:, best].sum()) - float(rewards[np.arange(len(places)), places].sum()))
    return np.array(found)


def _others(bench: Bench, seeds: int) -> dict[str, Choices]:
    task = json.dumps({"seeds": seeds, "rounds": ROUNDS, "arms": ARMS})
    command = [str(python_for("oracles", bench.cache)), str(SCRIPT)]
    done = subprocess.run(command, input=task, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0:
        raise Unavailable(f"the other libraries did not run: {done.stderr.strip()[-300:]}")
    return {name: np.array(chosen) for name, chosen in json.loads(done.stdout).items()}
