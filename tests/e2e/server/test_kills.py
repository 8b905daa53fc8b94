"""kill -9 of any process of a server, and of all of them: queries go on, and everything comes back as before."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server.models import add_up, negate
from tests.e2e.server.serving import Querying, Server, eventually, predict, processes_of, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an application `sum` whose model has two replicas of its current version."""
    with serving(tmp_path_factory.mktemp("kills") / "home", "--frontends", "2") as server:
        furnish(server)
        yield server


def furnish(server: Server) -> None:
    with server.client() as client:
        client.register_application("sum", "doubles", "-1", 10_000_000)
        client.register_application("unlinked", "strings", "none", 20_000)
        client.deploy_model("sum", 1, negate, "doubles", example=[1.0])
        client.deploy_model("sum", 2, add_up, "doubles", example=[1.0], num_replicas=2, app_name="sum")
        client.set_num_replicas("sum", 0, 1)
        client.wait_until_ready()


def what_exists(server: Server) -> tuple[Any, ...]:
    """Everything that must survive, and how many replicas of each version are ready."""
    with server.client() as client:
        state = client.state()
    ready = sorted((each["model"], each["version"]) for each in state["replicas"] if each["state"] == "ready")
    return state["applications"], state["models"], ready


def pids_of_replicas(server: Server) -> set[int]:
    with server.client() as client:
        return {each["pid"] for each in client.state()["replicas"]}


def test_queries_go_on_while_the_controller_is_dead_and_again_there(server: Server) -> None:
    before, containers = what_exists(server), pids_of_replicas(server)
    with Querying(server, "sum") as querying:
        killed = server.kill("controller")
        querying.more(50)
        eventually(lambda: server.children("controller") not in ([], [killed]), "no new controller")
        with server.client() as client:
            client.wait_until_ready()
        querying.more(50)
    assert querying.wrong == []
    assert what_exists(server) == before
    assert pids_of_replicas(server) == containers  # adopted, not started again
    assert "The controller ended (killed by SIGKILL)" in server.output


def test_killed_frontend_is_replaced_and_its_waiting_connections_are_answered(server: Server) -> None:
    before = what_exists(server)
    killed = server.kill("frontend")
    for number in range(40):  # some of them reach the socket of the dead one, and wait in its backlog
        assert predict(server, "sum", [number, 1])["output"] == number + 1
    eventually(lambda: len(server.children("frontend")) == 2, "no new frontend")
    assert killed not in server.children("frontend")
    assert what_exists(server) == before


def test_query_ids_do_not_repeat_when_a_frontend_is_replaced(server: Server) -> None:
    first = {predict(server, "sum", [number])["query_id"] for number in range(20)}
    for _ in range(2):
        server.kill("frontend")
    again = {predict(server, "sum", [number])["query_id"] for number in range(20)}
    assert len(first | again) == 40


def test_killed_container_costs_no_query_its_answer(server: Server) -> None:
    before = what_exists(server)
    with Querying(server, "sum") as querying:
        killed = server.kill("container")
        querying.more(50)
        eventually(lambda: killed not in pids_of_replicas(server), "still recorded")
        with server.client() as client:
            client.wait_until_ready()
        querying.more(20)
    assert querying.wrong == []
    assert what_exists(server) == before


def test_all_containers_killed_at_once_come_back(server: Server) -> None:
    before = what_exists(server)
    killed = server.children("container")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: pids_of_replicas(server).isdisjoint(killed), "still recorded")
    eventually(lambda: what_exists(server) == before, "containers do not come back")
    assert predict(server, "sum", [7, 1])["output"] == 8


def test_children_of_a_killed_root_end_and_a_new_server_has_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = Server(home).ready()
    furnish(server)
    before, port = what_exists(server), server.address["query_port"]
    server.process.kill()
    server.wait()  # until nothing of it is left
    with socket.create_server(("127.0.0.1", port)):
        pass
    with serving(home, "--frontends", "2") as again:
        check_restored(again, before)
        everything_at_once(again)
        again.wait()
    with serving(home) as third:
        check_restored(third, before)


def everything_at_once(server: Server) -> None:
    """As when the machine loses its power, but for the disk."""
    for pid in processes_of(server.home):
        os.kill(pid, signal.SIGSTOP)
    for pid in processes_of(server.home):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def check_restored(server: Server, before: tuple[Any, ...]) -> None:
    with server.client() as client:
        client.wait_until_ready()
        assert what_exists(server) == before
        assert predict(server, "sum", [1, 2])["output"] == 3
        client.set_model_version("sum", 1, num_replicas=1)
        assert predict(server, "sum", [1, 2])["output"] == -3
        client.set_model_version("sum", 2)
        client.set_num_replicas("sum", 0, 1)
        assert predict(server, "sum", [1, 2])["output"] == 3
