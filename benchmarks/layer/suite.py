"""Which cases there are of the model abstraction layer."""

from benchmarks.layer.bench import LayerBench
from benchmarks.layer.cases import batching, hits, large, nearby, neighbours, overload, recovery, replicas, rivals
from benchmarks.suite import Suite

ABOUT = """\
Each case starts a `clipper serve` of its own and speaks HTTP with it, on cores that it shares with the load generator.
`python -m benchmarks.layer CASE` repeats one, `--quick` tries whether it works, `--data` names a folder with MNIST.

* **Closed loop**: each connection sends its next query when it has its answer, so a slow system is asked less. The
  number of connections is the one with the most answers inside the objective.
* **Open loop**: Poisson arrivals, one query per connection at a time, and latencies that count
  from the moment a query was *due*, so that a stall is paid for by all that it delayed. "Generator late" says by how
  much it was itself behind its schedule; where it was, no system could have answered in time. `benchmarks/openloop`
  carries both.
* Answered **by the model inside 20 ms** leaves out default outputs and errors. Latencies are of all answers.
* Cores in use are CPU seconds per second, by kind of process: whoever is near 1.0 with the others waiting is the bound;
  all together near 2.0, and the machine is.
"""

LAYER = Suite(
    "benchmarks.layer",
    "benchmarks-layer.md",
    "Benchmarks of the model abstraction layer",
    ABOUT,
    LayerBench,
    {
        "batching": batching.measure,
        "overload": overload.measure,
        "recovery": recovery.measure,
        "replicas": replicas.measure,
        "neighbours": neighbours.measure,
        "cache": hits.measure,
        "nearby": nearby.measure,
        "large": large.measure,
        "rivals": rivals.measure,
    },
)
