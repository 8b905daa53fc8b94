"""A container written from docs/protocol.md alone: nothing of Clipper, one connection at a time.

Its model answers each input with the sum of its bytes; an input without any fails.
`python bare_container.py PATH [--no-arena]`, with the token in the environment.
"""

import json
import mmap
import os
import socket
import struct
import sys
import time
from fcntl import F_GET_SEALS, F_SEAL_SHRINK, fcntl
from math import prod

HELLO, WELCOME, REJECT, PREDICT, RESULT, PING, PONG, GOODBYE = range(1, 9)
ITEM_SIZE = {0: 1, 1: 4, 2: 4, 3: 8, 4: 1, 5: 1}


def serve(connection: socket.socket, token: str, takes_arena: bool) -> None:
    begun, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
    kind, _, hello = frame(connection, begun)
    greeting = json.loads(hello)
    if kind != HELLO or greeting["protocol"] != 1 or greeting["token"] != token[:32]:
        send(connection, REJECT, 0, b'{"code": "token", "message": "no"}')
        return
    arena = mapped(descriptors[0], greeting.get("arena", 0)) if descriptors and takes_arena else b""
    fields = {"protocol": 1, "token": token[32:], "model": "bare", "version": "1", "input_type": "bytes"}
    send(connection, WELCOME, 0, json.dumps({**fields, "arena": len(arena) > 0}).encode())
    while True:
        kind, number, body = frame(connection)
        if kind == PREDICT:
            send(connection, RESULT, number, result(body, arena))
        elif kind == PING:
            send(connection, PONG, number, b"")
        elif kind == GOODBYE:
            return


def frame(connection: socket.socket, begun: bytes = b"") -> tuple[int, int, bytes]:
    head = begun + exactly(connection, 16 - len(begun))
    length, kind, flags, reserved, number = struct.unpack("<IBBHQ", head)
    if length > 64 << 20 or flags or reserved:
        raise ValueError("not a frame")
    return kind, number, exactly(connection, length)


def exactly(connection: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        data = connection.recv(length - len(parts))
        if not data:
            raise EOFError
        parts += data
    return bytes(parts)


def send(connection: socket.socket, kind: int, number: int, body: bytes) -> None:
    connection.sendall(struct.pack("<IBBHQ", len(body), kind, 0, 0, number) + body)


def mapped(descriptor: int, size: int) -> bytes | mmap.mmap:
    usable = fcntl(descriptor, F_GET_SEALS) & F_SEAL_SHRINK and 0 < size <= os.fstat(descriptor).st_size
    memory = mmap.mmap(descriptor, size, prot=mmap.PROT_READ) if usable else b""
    os.close(descriptor)
    return memory


def result(body: bytes, arena: bytes | mmap.mmap) -> bytes:
    start_ns = time.perf_counter_ns()
    count, dtype, layout, ndim, place = struct.unpack_from("<IBBBB", body)
    lengths = struct.unpack_from(f"<{ndim * (count if layout else 1)}I", body, 8)
    at = 8 + 4 * len(lengths) + -4 * len(lengths) % 8
    rows, end = memoryview(body), len(body)
    if place:
        (at,) = struct.unpack_from("<Q", body, at)
        rows, end = memoryview(arena), len(arena)
    head, items = b"", b""
    for number in range(count):
        shape = lengths[number * ndim : (number + 1) * ndim] if layout else lengths
        size = prod(shape) * ITEM_SIZE[dtype]
        if at + size > end:
            raise ValueError("a row ends outside")
        item = b"%d" % sum(rows[at : at + size]) if size else b"ValueError: nothing to add"
        head += struct.pack("<I", len(item) | (0 if size else 1 << 31))
        items += item
        at += size
    return struct.pack("<IIQ", count, 0, time.perf_counter_ns() - start_ns) + head + items


def main() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve(connection, os.environ["CLIPPER_CONTAINER_TOKEN"], "--no-arena" not in sys.argv)
                except (OSError, ValueError, EOFError) as error:
                    sys.stderr.write(f"closed a connection: {error!r}\n")


if __name__ == "__main__":
    main()
