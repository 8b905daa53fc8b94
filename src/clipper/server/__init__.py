"""The composition root: settings become processes.

`root` is the process that `clipper serve` is; it starts the `controller` and the query `frontend` processes, on sockets
that it keeps, and starts them again when they die. Reading order: `root`, `sockets`, `children`, `handover`.
"""

from clipper.server.root import run

__all__ = ["run"]
