"""The bandits of two other libraries on streams of rewards, in an environment of their own: `oracles.py < task.json`.

Prints the regret of each, by seed, and of those without chance their choices. NumPy and the two libraries.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from mabwiser.mab import MAB, LearningPolicy  # type: ignore[import-not-found]
from river import bandit, proba, stats  # type: ignore[import-not-found]

Player = tuple[Callable[[], int], Callable[[int, int], None]]


def mabwiser(policy: Any, rewards: Any, seed: int) -> Player:
    """Every arm has been tried once, in order."""
    arms = list(range(rewards.shape[1]))
    mab = MAB(arms, policy, seed=seed)
    mab.fit(arms, [int(rewards[arm, arm]) for arm in arms])
    return mab.predict, lambda arm, reward: mab.partial_fit([arm], [reward])


def river(policy: Any, rewards: Any) -> Player:
    """The same for the other one. Its Exp3 has to have drawn an arm before it learns of one: it starts with nothing."""
    arms = list(range(rewards.shape[1]))
    for arm in arms if not isinstance(policy, bandit.Exp3) else []:
        policy.update(arm, int(rewards[arm, arm]))
    return lambda: policy.pull(arms), policy.update


PLAYERS: dict[str, Callable[[Any, int], Player]] = {
    "epsilon_greedy, mabwiser": lambda r, seed: mabwiser(LearningPolicy.EpsilonGreedy(0.1), r, seed),
    "ucb1, mabwiser": lambda r, seed: mabwiser(LearningPolicy.UCB1(1.0), r, seed),
    "thompson, mabwiser": lambda r, seed: mabwiser(LearningPolicy.ThompsonSampling(), r, seed),
    "epsilon_greedy, river": lambda r, seed: river(bandit.EpsilonGreedy(0.1, reward_obj=stats.Mean(), seed=seed), r),
    "ucb1, river": lambda r, seed: river(bandit.UCB(1.0, reward_obj=stats.Mean(), burn_in=0, seed=seed), r),
    "thompson, river": lambda r, seed: river(bandit.ThompsonSampling(reward_obj=proba.Beta(1, 1), seed=seed), r),
    "exp3, river": lambda r, seed: river(bandit.Exp3(gamma=0.1, seed=seed), r),
}


def main() -> None:
    task = json.load(sys.stdin)
    found: dict[str, list[list[int]]] = {name: [] for name in PLAYERS}
    for seed in range(task["seeds"]):
        rewards = np.random.default_rng(seed).random((task["rounds"], len(task["arms"]))) < task["arms"]
        for name, make in PLAYERS.items():
            choose, learn = make(rewards, seed)
            chosen = []
            for row in range(rewards.shape[1], len(rewards)):
                arm = int(choose())
                learn(arm, int(rewards[row, arm]))
                chosen.append(arm)
            found[name].append(chosen)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
