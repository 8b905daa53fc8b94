"""A query frontend's process: `python -m clipper.server.frontend`, started by the root process only."""

import sys

import uvloop

from clipper.abstraction.layer import ModelLayerConfig
from clipper.engine.engine import EngineConfig
from clipper.frontend.process import FrontendProcess, run_frontend
from clipper.server.handover import inherit, private_sockets


def main(arguments: list[str]) -> None:
    """Be the frontend until SIGTERM."""
    given = inherit(arguments)
    settings = given.settings
    models = ModelLayerConfig(
        cache=settings.cache, queue=settings.queue, link=settings.link, batching=settings.batching
    )
    process = FrontendProcess(
        index=given.index,
        store_folder=given.home.store,
        sockets=private_sockets(settings, given.home),
        store=settings.store,
        engine=EngineConfig(models=models, journal=settings.journal),
        frontend=settings.frontend,
    )
    uvloop.run(run_frontend(process, given.listener))


if __name__ == "__main__":
    main(sys.argv[1:])
