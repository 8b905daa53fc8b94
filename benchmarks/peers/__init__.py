"""Every system that is measured, in the order of the table."""

from benchmarks.peers import bentoml, clipper, echo, litserve, mlserver, mosec, nginx, ray_serve, relay
from benchmarks.peers.target import Target

TARGETS: tuple[Target, ...] = (
    clipper.TARGET,
    nginx.TARGET,
    echo.TARGET,
    relay.TARGET,
    mosec.TARGET,
    mlserver.TARGET,
    litserve.TARGET,
    bentoml.TARGET,
    ray_serve.TARGET,
)
