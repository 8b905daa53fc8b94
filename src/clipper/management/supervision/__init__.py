"""Keeps the running containers as the registry wants them: starts, watches, restarts, adopts and stops them.

Knows no HTTP and no operators; a launcher does the starting.
"""
