"""The model abstraction layer: one face for every model, behind it cache, queue, batching, replicas and links.

Answers "this input, that model, by this deadline" and does not know that selection policies exist.
"""
