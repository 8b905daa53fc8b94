"""Clipper serves predictions: `serve` starts one model in this process tree, `connect` talks to a running server.

Owns the version and the two names above, nothing else. Both are loaded on first use, so a model container or the
command line can import any `clipper.…` module without paying for the client. No module of the package imports from
here.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipper.client import connect, serve

__version__ = "0.1.0"
__all__ = ["__version__", "connect", "serve"]

_FROM_CLIENT = frozenset({"connect", "serve"})


def __getattr__(name: str) -> object:
    """Load a public name of the client the first time somebody asks for it."""
    if name in _FROM_CLIENT:
        from clipper import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
