"""Python clients for applications and for operators.

Speaks HTTP only: whatever the client can do, any other program can do with the same requests.
"""

from clipper.client.clipper import Clipper, connect
from clipper.client.deployments import Progress
from clipper.client.packaging import PackageOptions
from clipper.client.queries import Application, Prediction, RankedItem, Ranking
from clipper.client.serving import LocalApplication, serve
from clipper.core.errors import ClipperError

ClipperException = ClipperError
"""The original's name for it."""

__all__ = [
    "Application",
    "Clipper",
    "ClipperError",
    "ClipperException",
    "LocalApplication",
    "PackageOptions",
    "Prediction",
    "Progress",
    "RankedItem",
    "Ranking",
    "connect",
    "serve",
]
