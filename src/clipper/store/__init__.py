"""One durable key-value interface with compare-and-set and watch, and its implementations.

Knows bytes, not applications or models. A commit is durable when its future resolves.
"""
