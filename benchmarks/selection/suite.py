"""Which cases there are of the selection layer."""

from benchmarks.bench import Bench
from benchmarks.selection.cases import feedback, fig7, fig8, fig9, fig10, oracles, shedding, throughput, updates
from benchmarks.suite import Suite

ABOUT = """\
What the policies of [the selection layer](policies.md) do: first on streams and real data alone, where every number
depends on seeds and not on the machine, then through a `clipper serve`, on cores that it shares with the load
generator. `python -m benchmarks.selection CASE` repeats one case, `--quick` tries whether it works, `--data` names a
folder with the data (each case says what it wants, and what it takes instead). The paper is Crankshaw et al., *Clipper:
A Low-Latency Online Prediction Serving System*, NSDI 2017.
"""

SELECTION = Suite(
    "benchmarks.selection",
    "benchmarks-selection.md",
    "Benchmarks of the selection layer",
    ABOUT,
    Bench,
    {
        "fig7": fig7.measure,
        "fig8": fig8.measure,
        "fig9": fig9.measure,
        "fig10": fig10.measure,
        "oracles": oracles.measure,
        "updates": updates.measure,
        "feedback": feedback.measure,
        "shedding": shedding.measure,
        "throughput": throughput.measure,
    },
)
