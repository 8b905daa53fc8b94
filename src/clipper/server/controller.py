"""The controller's process: `python -m clipper.server.controller`, started by the root process only."""

import asyncio
import sys

from clipper.management import ControllerConfig
from clipper.management.controller import run_controller
from clipper.server.handover import inherit
from clipper.settings import process_environment


def main(arguments: list[str]) -> None:
    """Be the controller until SIGTERM."""
    given = inherit(arguments)
    settings = given.settings
    config = ControllerConfig(
        home=given.home.path,
        environment=process_environment(),
        admin_auth=settings.admin_auth,
        store=settings.store,
        management=settings.management,
    )
    asyncio.run(run_controller(config, [given.listener]))


if __name__ == "__main__":
    main(sys.argv[1:])
