"""Machines behind a network: `machines.py ADDRESS PORT FIRST_S EACH_S`. Standard library; a thread is one machine.

Every connection brings batches as (length, inputs) and their bytes; each is answered by one byte when it is done.
"""

import socket
import struct
import sys
import threading
import time

HEAD = struct.Struct("<II")


def serve(connection: socket.socket, first_s: float, each_s: float) -> None:
    """Work on batches, one at a time, until the other side goes."""
    buffer = bytearray(1 << 20)
    with connection:
        while len(head := connection.recv(HEAD.size, socket.MSG_WAITALL)) == HEAD.size:
            length, inputs = HEAD.unpack(head)
            left = length
            while left:
                got = connection.recv_into(buffer, min(left, len(buffer)))
                if not got:
                    return
                left -= got
            time.sleep(first_s + each_s * inputs)
            connection.sendall(b"\0")


def main() -> None:
    address, port, first_s, each_s = sys.argv[1:]
    listener = socket.create_server((address, int(port)))
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection, float(first_s), float(each_s)), daemon=True).start()


if __name__ == "__main__":
    main()
