"""The operator's client: one object with the original Clipper's vocabulary, and how to get one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from clipper.client.addresses import Addresses, find, read_token
from clipper.client.deployers import DeployerOperations
from clipper.client.queries import Application
from clipper.client.selection import SelectionOperations
from clipper.client.shutdown import stop_server
from clipper.client.transport import Transport
from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.inputs import parse_input_type
from clipper.settings import default_home

READY_POLL_S = 0.1
"""How often readiness is asked for: an order of magnitude below the fastest start of a container."""


def connect(
    home: str | Path | None = None,
    *,
    admin_url: str | None = None,
    query_url: str | None = None,
    token: str | None = None,
) -> "Clipper":
    """A client of a running Clipper. Sends nothing yet.

    Args:
        home: the server's home folder; by default `CLIPPER_HOME`, else `~/.clipper`.
        admin_url: the controller, such as `http://host:1338`, for a server on another machine. With it or `query_url`
            no folder is looked into, unless `home` is given too: then the token is read from there.
        query_url: the query frontend, such as `http://host:1337`.
        token: what changes must be accompanied by; by default read from the home folder.

    Raises:
        ClipperError: UNAVAILABLE if no server runs on the home folder; the message says what to start.
    """
    folder = default_home() if home is None else Path(home).expanduser().absolute()
    if admin_url is None and query_url is None:
        found = find(folder)
    else:
        found = Addresses(query_url=query_url, admin_url=admin_url, token=read_token(folder) if home else None)
    return Clipper(found, token or found.token)


class Clipper(DeployerOperations, SelectionOperations):
    """One running Clipper, as its operator sees it; may be shared by threads.

    Every method that reaches the server raises `ClipperError`: UNAVAILABLE if it does not answer, UNAUTHENTICATED or
    PERMISSION_DENIED without the right token, else what the server refused. `close()`, or leaving a `with` block,
    closes the connections and nothing else.
    """

    def __init__(self, addresses: Addresses, token: str | None = None) -> None:
        self._addresses = addresses
        self._admin = Transport(addresses.admin_url, "controller", token)
        self._query = Transport(addresses.query_url, "query frontend")

    def __repr__(self) -> str:
        return f"<Clipper at {self._addresses.query_url}, {self._addresses.admin_url}>"

    def __enter__(self) -> "Clipper":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the server goes on."""
        self._admin.close()
        self._query.close()

    def application(self, name: str) -> Application:
        """A handle to send queries to one application; whether it exists shows at the first one."""
        return Application(name, self._query)

    def state(self) -> dict[str, Any]:
        """Everything that exists: `{"revision", "applications", "models", "replicas"}`, never a token."""
        return dict(self._admin.get("/admin/state"))

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Return once every replica that should run is ready to answer.

        Raises:
            ClipperError: TIMEOUT after `timeout_s`, saying what is missing.
        """
        deadline = monotonic() + timeout_s
        while True:
            try:
                self._admin.get("/admin/ready")
                return
            except ClipperError as error:
                if not error.retryable:
                    raise
                if monotonic() > deadline:
                    message = f"Not ready within {timeout_s:g} s: {error.message}"
                    raise ClipperError(ErrorCode.TIMEOUT, message, error.detail) from None
            sleep(READY_POLL_S)

    def get_query_addr(self) -> str:
        """`host:port` to which queries go."""
        return urlsplit(self._query.base_url).netloc

    def get_metric_addr(self) -> str:
        """`host:port` where `/metrics` answers in the Prometheus format: the query frontend's."""
        return self.get_query_addr()

    def inspect_instance(self) -> str:
        """The query frontend's metrics in the Prometheus text format."""
        return str(self._query.get("/metrics"))

    def stop_all(self, timeout_s: float = 30.0) -> None:
        """Stop the server and everything it runs, queries under way answered first. What is registered stays.

        Raises:
            ClipperError: CONFLICT if this client was not connected through a home folder, so that the server may run
                on another machine; TIMEOUT if it has not ended after `timeout_s`.
        """
        if self._addresses.home is None:
            raise ClipperError(
                ErrorCode.CONFLICT, "Only a server on this machine can be stopped: connect with its home folder"
            )
        stop_server(self._addresses.home, self._addresses.pid, timeout_s)

    def test_predict_function(self, query: Mapping[str, Any], func: Callable[[Any], Any], input_type: str) -> list[Any]:
        """Call a function in this process as its container would for a predict request, before deploying it.

        Args:
            query: `{"input": …}` or `{"input_batch": […]}`.
            func: from a list or array of inputs to as many outputs.
            input_type: bytes, integers, floats, doubles or strings.

        Returns:
            The outputs as a query would receive them.

        Raises:
            ClipperError: INVALID_ARGUMENT for an input of another type, MODEL_FAILED for an output that cannot be
                sent. What `func` raises is raised.
        """
        kind = parse_input_type(input_type)
        inputs = query.get("input_batch", [query["input"]] if "input" in query else None)
        if not isinstance(inputs, list) or not inputs:
            raise invalid("Invalid query: expected {'input': value} or {'input_batch': [value, ...]}")
        from clipper.client.packaging.trial import try_function  # noqa: PLC0415 (NumPy, for this method only)

        return try_function(func, inputs, kind)
