"""What exists: applications, models, versions, links and replicas, and the invariants between them.

Operations are compare-and-set transactions on a `Store`; nothing here starts a process or answers a request.
"""
