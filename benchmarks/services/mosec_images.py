"""A no-op on images as a mosec service: msgpack in and out, which is how mosec takes binary data."""

import sys
from typing import Any

from mosec import Server, Worker  # type: ignore[import-not-found]
from mosec.mixin import MsgpackMixin  # type: ignore[import-not-found]

from benchmarks.services.job import Job

JOB = Job.current()
SETTINGS = JOB.settings


class Sizes(MsgpackMixin, Worker):  # type: ignore[misc]
    """Says how many bytes an image has. mosec hands a worker lists only when it batches."""

    def forward(self, data: Any) -> Any:
        if SETTINGS["max_batch_size"] == 1:
            return len(data)
        return [len(image) for image in data]


if __name__ == "__main__":
    sys.argv += ["--address", "127.0.0.1", "--port", str(JOB.port), "--log-level", "warning"]
    server = Server()
    server.append_worker(Sizes, **SETTINGS)
    server.run()
