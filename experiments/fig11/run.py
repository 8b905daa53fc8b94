"""The paper's Fig. 11: the same models in other serving systems, each at its best settings."""

from benchmarks.layer import models
from benchmarks.layer.cases.rivals import CLIPPER, BestSettings, Rival, rival_row
from experiments.lib.finding import Claim, Finding, Measured, at_least, sheet
from experiments.lib.setting import Setting
from experiments.lib.timing import timed

MODELS, QUICK_MODELS = (models.LINEAR, models.FOREST), (models.LINEAR,)


def run(setting: Setting) -> Finding:
    """All systems with one model, then with the next."""
    bench = timed(setting)
    best: BestSettings = {}
    found = [rival for name in setting.choose(MODELS, QUICK_MODELS) for rival in rival_row(bench, name, best)]
    rows = [
        (
            each.model,
            each.system,
            each.failure[:60] or f"{each.highest:,.0f}",
            "–" if each.failure else f"{each.p99_ms:.1f}",
            f"{each.closed:,.0f}",
            each.settings,
        )
        for each in found
    ]
    head = (
        "model",
        "system",
        "highest load with p99 ≤ 20 ms, queries/s",
        "its p99, ms",
        "closed loop, answers/s",
        "settings",
    )
    names = dict.fromkeys(each.model for each in found)
    return Finding("fig11", [_claim(name, found) for name in names], [sheet("Highest load", head, rows)])


def _claim(name: str, found: list[Rival]) -> Claim:
    rows = {each.system: each for each in found if each.model == name}
    ours = rows.pop(CLIPPER)
    best = max((each for each in rows.values() if not each.failure), key=lambda each: each.highest)
    text = f"{name}: highest load with p99 ≤ 20 ms, of the best other's ({best.system})"
    return at_least(text, Measured(ours.highest / max(best.highest, 1.0)), 1.0, "×")
