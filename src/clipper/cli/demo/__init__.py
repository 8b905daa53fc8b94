"""`clipper demo`: real models, real processes, real queries, and what happens when things break.

Uses the public interface only, `clipper.client` and HTTP. Reading order: `story` (what happens, and what must hold),
`learning` (its second half: policies that learn), `stage` (what both work with), `digits` (data and models), `server`,
`load` (queries and how they are timed), `readings` (what `/metrics` says), `screen`, `weights`.
"""

from clipper.cli.demo.story import run_demo

__all__ = ["run_demo"]
