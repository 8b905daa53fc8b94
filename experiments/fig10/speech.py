"""The TIMIT sample: speakers as contexts, hidden Markov models of dialects and of all as members."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import environment
from benchmarks.section import Line, Plot
from experiments.lib import statistics
from experiments.lib.cluster import cluster
from experiments.lib.conversation import Script, Turn, converse
from experiments.lib.data import TIMIT
from experiments.lib.finding import Finding, at_most, sheet
from experiments.lib.networks import Recorded
from experiments.lib.setting import Setting

SCRIPT = Path(__file__)
APP, POLICY = "phones", "jury"
DIALECTS, UTTERANCES = 8, 10
PAPER = ("0.362", "0.3117", "0.3124", "0.3091", "0.3039", "0.3048", "0.3059", "0.3023", "0.2999", "–")

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Spoken:
    """Phones in the order in which they were spoken: by whom, in which utterance, what, and what models took it for."""

    speaker: Labels
    utterance: Labels
    dialect: Labels
    label: Labels
    said: Labels

    @property
    def pooled(self) -> NDArray[np.bool_]:
        """Where the pooled model is wrong."""
        wrong: NDArray[np.bool_] = self.said[:, DIALECTS] != self.label
        return wrong

    @property
    def own(self) -> NDArray[np.bool_]:
        """Where the model of the speaker's dialect is."""
        wrong: NDArray[np.bool_] = self.said[np.arange(len(self.label)), self.dialect] != self.label
        return wrong


def run(setting: Setting) -> Finding:
    """Each phone recognised, and told; speakers at once."""
    spoken = _spoken(setting)
    with cluster() as running:
        models = {f"m{n}": Recorded(spoken.said[:, n]) for n in range(DIALECTS + 1)}
        running.deploy(models, "integers", [0, 0])
        running.application(APP, list(models), "integers", policy=POLICY)
        running.wait_for(APP, [0, 0])
        places = [np.flatnonzero(spoken.speaker == speaker) for speaker in np.unique(spoken.speaker)]
        scripts = [
            Script(
                APP,
                [
                    Turn(b'"input": [%d, 0], "context": "s%d"' % (place, speaker), b"%d" % spoken.label[place])
                    for place in each.tolist()
                ],
            )
            for speaker, each in enumerate(places)
        ]
        wrong = np.zeros(len(spoken.label), np.bool_)
        for each, replies in zip(places, converse(running.port, scripts, setting.tell), strict=True):
            wrong[each] = [int(reply.output) for reply in replies] != spoken.label[each]
    return _finding(spoken, wrong)


def _spoken(setting: Setting) -> Spoken:
    """By the models, which an environment with hmmlearn trains and asks: two minutes."""
    archive, output = setting.data.path(TIMIT), setting.folder / "phones.npz"
    setting.tell("phones: training hidden Markov models of eight dialects")
    script = SCRIPT.with_name("phones.py")
    environment.run([str(environment.python_for("hmm", setting.cache)), str(script), str(archive), str(output)])
    with np.load(output) as file:
        rows = file["rows"]
    return Spoken(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4:])


def _finding(spoken: Spoken, wrong: NDArray[np.bool_]) -> Finding:
    kinds = {POLICY: wrong, "pooled model": spoken.pooled, "own dialect's model": spoken.own}
    speakers = np.unique(spoken.speaker)
    rows = []
    curves: dict[str, list[float]] = {name: [] for name in kinds}
    for utterance in range(UTTERANCES):
        here = spoken.utterance == utterance
        for name, each in kinds.items():
            curves[name].append(round(float(each[here].mean()), 4))
        rows.append((utterance, *(f"{curve[-1]:.4f}" for curve in curves.values()), PAPER[utterance]))

    def later(each: NDArray[np.bool_], first: int) -> list[float]:
        chosen = spoken.utterance >= first
        return [float(each[chosen & (spoken.speaker == speaker)].mean()) for speaker in speakers]

    claims = [
        at_most(
            f"TIMIT: error after {first} utterance{'s' if first > 1 else ''} and more, less the {name}'s",
            statistics.difference(later(wrong, first), later(kinds[name], first)),
            0.0,
        )
        for first, name in ((1, "pooled model"), (8, "own dialect's model"), (8, "pooled model"))
    ]
    head = ("utterances told", *kinds, "the paper's policy")
    lines = [Line(name, list(range(UTTERANCES)), curve) for name, curve in curves.items()]
    plot = Plot("fig10-timit", "Phones of 16 speakers", "utterances told before", "error", lines)
    return Finding("fig10", claims, [sheet("TIMIT sample: error on phones, 16 speakers", head, rows)], [plot])
