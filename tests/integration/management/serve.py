"""One controller as a process: `python -m tests.integration.management.serve HOME SOCKET OPTIONS`."""

import asyncio
import json
import logging
import os
import resource
import socket
import sys
from pathlib import Path

from clipper.management.config import ArtifactConfig, ControllerConfig, ManagementConfig, SupervisionConfig
from clipper.management.controller import run_controller
from clipper.store import StoreConfig


def main() -> None:
    """Serve until SIGTERM."""
    home, descriptor, options = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if "file_size_limit" in options:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options["file_size_limit"], resource.RLIM_INFINITY))
    config = ControllerConfig(
        home=home,
        environment={**os.environ, **options.get("environment", {})},
        admin_auth=options.get("admin_auth", "token"),
        store=StoreConfig(**options.get("store", {})),
        management=ManagementConfig(
            supervision=SupervisionConfig(**options.get("supervision", {})),
            artifacts=ArtifactConfig(**options.get("artifacts", {})),
        ),
    )
    asyncio.run(run_controller(config, [socket.socket(fileno=descriptor)]))


if __name__ == "__main__":
    main()
