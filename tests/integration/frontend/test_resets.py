"""Clients that reset their connections at any moment: those beside them get their answers."""

import random
import socket
import threading
import time

from tests.fake_container import after
from tests.integration.frontend.behaviours import add_up
from tests.integration.frontend.client import Client, post
from tests.integration.frontend.stage import Stage

RESETS = 600
ANSWER_S = 0.001
AT_ONCE = bytes([1, 0, 0, 0, 0, 0, 0, 0])
"""Linger for no time: closing is a reset."""


def test_clients_that_reset_cost_others_no_answer(stage: Stage) -> None:
    sums = stage.serve(after(ANSWER_S, add_up))
    done = threading.Event()

    def reset() -> None:
        chance = random.Random(1)
        for number in range(RESETS):
            with Client(stage.port) as leaving:
                leaving.send(post(f"/{sums.name}/predict", {"input": [number, 0.5]}))
                time.sleep(1.5 * ANSWER_S * chance.random())
                leaving.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        done.set()

    leaving = [threading.Thread(target=reset) for _ in range(8)]
    for thread in leaving:
        thread.start()
    with stage.client() as client:
        asked = 0
        while not done.is_set():
            asked += 1
            assert client.predict(sums.name, {"input": [asked, 1]}).json["output"] == asked + 1
    for thread in leaving:
        thread.join()
