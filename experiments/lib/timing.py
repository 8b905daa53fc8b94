"""What experiments about time share with the benchmarks: trained models, bodies made beforehand, measured rounds."""

from benchmarks.layer.bench import LayerBench
from experiments.lib.setting import Setting

FULL_S, QUICK_S = 3.0, 1.0  # of one measurement
ROUNDS, QUICK_ROUNDS = 3, 1


def timed(setting: Setting) -> LayerBench:
    """The benchmarks' models and bodies, on this experiment's data and in its folder."""
    return LayerBench(
        setting.choose(FULL_S, QUICK_S),
        setting.choose(ROUNDS, QUICK_ROUNDS),
        setting.quick,
        setting.data.folder,
        setting.folder,
        setting.cache,
        setting.tell,
    )
