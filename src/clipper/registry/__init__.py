"""What exists: applications, models, versions, links and replicas, and the invariants between them.

Operations are compare-and-set transactions on a `Store`; nothing here starts a process or answers a request.
Read `entities` (the values), `changes` (what is allowed), `registry` (the operations), `records` (how they are kept).
"""

from clipper.registry.entities import Application, Model, Replica, ReplicaState, Snapshot
from clipper.registry.registry import Registry

__all__ = ["Application", "Model", "Registry", "Replica", "ReplicaState", "Snapshot"]
