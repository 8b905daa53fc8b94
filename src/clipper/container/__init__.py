"""What runs in the process of a model: model interface, loaders, runner and dry run.

Imports `wire` and `core` only, so that a model starts fast and shares its process with nothing of the server.
"""
