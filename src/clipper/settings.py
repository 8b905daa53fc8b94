"""Composes the frozen config dataclass of each layer from TOML, environment and flags; an unknown key is an error.

The only module of the package that reads the environment.
"""
