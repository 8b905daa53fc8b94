"""The paper's Model Selection Layer: which models answer a query, and what answer they give together.

One small file per policy; each is a set of pure functions of a state that is a plain value.
Reading order: `policy` (what
it is), `policies` (all by name), `rewards`, then `routing`, `bandits`, `ensembles`, `personal`, `evidence`.
"""
