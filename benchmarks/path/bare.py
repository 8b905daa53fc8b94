"""The least a uvloop server does with a request: read it, write a constant. `python -m benchmarks.path.bare PORT`."""

import asyncio
import sys
from typing import cast

import uvloop

ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 67\r\n\r\n"
    b'{"query_id":8589934592,"output":3.4028234663852886,"default":false}'
)


class Constant(asyncio.Protocol):
    """Every read is one request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write  # uvloop's transports are no subclasses of asyncio's

    def data_received(self, data: bytes) -> None:
        self._write(ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Constant, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
