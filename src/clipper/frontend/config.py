"""Settings of the query frontend's edge. Each bounds what a client may cost us."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendConfig:
    """Limits of the query REST interface."""

    max_body_bytes: int = 32 * 1024 * 1024
    """Half of what the wire to a container carries; 53 images of 224x224x3 float32."""

    max_head_bytes: int = 16 * 1024
    """Request line and headers; what nginx and Node allow."""

    max_connections: int = 10_000
    """Per frontend; each idle one costs about 2 kB here and as much in the kernel."""

    max_pipelined: int = 128
    """Requests of one connection that may be unanswered before we stop reading from it."""

    max_batch: int = 10_000
    """Inputs in one `input_batch`."""

    head_timeout_s: float = 5.0
    """To finish the request line and headers, as the original's `timeout_request`."""

    body_timeout_s: float = 60.0
    """To finish a body."""

    idle_timeout_s: float = 75.0
    """Between two requests of a kept-alive connection, as nginx."""

    drain_s: float = 10.0
    """At shutdown, for what was accepted to be answered; longer objectives are cut off here."""
