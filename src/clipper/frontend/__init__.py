"""The query side: HTTP protocol, the REST interface for applications, and its metrics.

Turns bytes into queries for the engine and predictions into bytes. Each error code is mapped to a status here, once.
"""
