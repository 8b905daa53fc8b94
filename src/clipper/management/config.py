"""The knobs of the management plane, each with its reason, and where a home folder keeps what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from clipper.core.errors import invalid
from clipper.management.disk import disk_errors
from clipper.store import StoreConfig

AdminAuth = Literal["token", "none"]

MAX_SOCKET_PATH_BYTES = 107
"""Of `sockaddr_un`, without the closing zero."""

SOCKET_NAME_BYTES = 12
"""Of a container's socket: hexadecimal digits drawn at random, few since home folders can have long names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminConfig:
    """What one admin request may cost.

    Attributes:
        max_body_bytes: the largest JSON body; registrations are a few hundred bytes.
        max_bundle_bytes: the largest bundle archive; weights of several gigabytes are common.
        body_timeout_s: how long a JSON body may take to arrive.
        upload_stall_s: how long an upload may pause before it is given up.
        max_concurrent_requests: beyond it the answer is 503; an operator's tools open a handful.
        drain_s: how long requests under way may go on after SIGTERM.
    """

    max_body_bytes: int = 1024**2
    max_bundle_bytes: int = 8 * 1024**3
    body_timeout_s: float = 10.0
    upload_stall_s: float = 30.0
    max_concurrent_requests: int = 256
    drain_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionConfig:
    """How replicas are started, watched and stopped.

    Attributes:
        start_timeout_s: from the start of a process until it answers; the slowest framework known, Spark, needs 15 s.
        example_timeout_s: how long one prediction of the example may take.
        dial_timeout_s: how long a listening container may take to shake hands; it first ends the batch at hand.
        parallel_starts: how many replicas may load at once; more would only take each other's processors and disk.
        probe_s: how often a quiet container is asked whether it still answers.
        hang_timeout_s: a container that does not answer a probe for so long is replaced; no batch may take longer.
        backoff_first_s: the wait after the second death in a row; the first is replaced at once. Doubles each time.
        backoff_max_s: where it stops doubling.
        healthy_after_s: after so long a ready time, a death is a first one again.
        retire_drain_s: from telling the frontends that a replica goes until it is stopped.
        stop_grace_s: from SIGTERM to SIGKILL.
        settle_s: from the first ready replica of a new version until it is current: the frontends connect meanwhile.
        sweep_s: how often to look for changes of the registry that nobody told us of, and at the sizes of logs.
    """

    start_timeout_s: float = 120.0
    example_timeout_s: float = 30.0
    dial_timeout_s: float = 30.0
    parallel_starts: int = 8
    probe_s: float = 10.0
    hang_timeout_s: float = 60.0
    backoff_first_s: float = 0.1
    backoff_max_s: float = 30.0
    healthy_after_s: float = 60.0
    retire_drain_s: float = 0.5
    stop_grace_s: float = 5.0
    settle_s: float = 0.25
    sweep_s: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactConfig:
    """What is kept on disk for models.

    Attributes:
        build_timeout_s: for one virtual environment; large frameworks download gigabytes.
        max_log_bytes: a container's log is cut at this size; one older part of the same size is kept.
        max_error_bytes: how much of the end of a log is kept as a replica's error, in the registry.
    """

    build_timeout_s: float = 1800.0
    max_log_bytes: int = 8 * 1024**2
    max_error_bytes: int = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementConfig:
    """Everything an operator may tune about the management plane."""

    admin: AdminConfig = field(default_factory=AdminConfig)
    supervision: SupervisionConfig = field(default_factory=SupervisionConfig)
    artifacts: ArtifactConfig = field(default_factory=ArtifactConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerConfig:
    """What one controller process is started with.

    Attributes:
        home: the folder that holds all state.
        environment: the variables that containers and environment builds inherit; ours are added and removed.
        admin_auth: "token" asks a bearer token for every change; "none" needs a loopback socket.
    """

    home: Path
    environment: Mapping[str, str]
    admin_auth: AdminAuth = "token"
    store: StoreConfig = field(default_factory=StoreConfig)
    management: ManagementConfig = field(default_factory=ManagementConfig)


class HomeFolder:
    """Names of what lies in a home folder. `prepare` makes the folders, for this user only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.token = path / "token"
        self.store = path / "store"
        self.bundles = path / "bundles"
        self.environments = path / "envs"
        self.logs = path / "logs"
        self.run = path / "run"
        self.sockets = self.run / "c"  # of the containers; one letter, see MAX_SOCKET_PATH_BYTES
        self.work = self.run / "work"
        self.deployments = self.run / "deployments"

    def prepare(self) -> None:
        """Make the folders that are missing.

        Raises:
            ClipperError: INVALID_ARGUMENT if the path is too long for unix sockets, STORE_FULL or STORE_FAILED.
        """
        excess = len(bytes(self.sockets)) + len("/") + SOCKET_NAME_BYTES - MAX_SOCKET_PATH_BYTES
        if excess > 0:
            raise invalid(
                f"Invalid home {str(self.path)!r}: expected a path {excess} bytes shorter, "
                f"since the unix sockets in it may have names of {MAX_SOCKET_PATH_BYTES} bytes at most"
            )
        with disk_errors(f"use the home folder {self.path}"):
            self._make_folders()

    def _make_folders(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.bundles, self.environments, self.logs, self.sockets, self.work, self.deployments):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
