"""A server's start and its end."""

import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.server.models import add_up, add_up_slowly
from tests.e2e.server.serving import Server, eventually, predict, processes_of, serving


def test_server_says_where_it_is(tmp_path: Path) -> None:
    with serving(tmp_path / "home", "--frontends", "2") as server:
        address = server.address
        assert address["pid"] == server.process.pid
        assert address["frontends"] == 2
        for line in (
            f"  queries  http://127.0.0.1:{address['query_port']}\n",
            f"  admin    http://127.0.0.1:{address['admin_port']}\n",
            f"  home     {server.home}\n",
        ):
            assert line in server.output
        assert server.output.startswith("Clipper is ready after ")
        assert {kind: len(server.children(kind)) for kind in ("controller", "frontend", "container")} == {
            "controller": 1,
            "frontend": 2,
            "container": 0,
        }
        assert oct((server.home / "token").stat().st_mode & 0o777) == "0o600"
        assert oct(server.home.stat().st_mode & 0o777) == "0o700"
    assert not (server.home / "run" / "server.json").exists()
    assert processes_of(server.home) == {}


def test_second_server_on_a_home_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as server:
        second = Server(tmp_path / "home")
        eventually(lambda: second.process.poll() is not None, "the second server runs")
        eventually(lambda: "Another Clipper" in second.output, second.output)
        said = " ".join(second.output.split())
        assert f"Another Clipper (process {server.process.pid}) serves from" in said
        assert "--home" in said
        assert second.process.returncode == 1
        second.close()
        with server.client() as client:
            assert client.get_all_apps() == []


@pytest.mark.parametrize("flag", ["--query-port", "--admin-port"])
def test_taken_port_is_refused_by_the_name_of_its_flag(tmp_path: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(tmp_path / "home", flag, str(port))
        assert server.wait() == 1
    said = " ".join(server.output.split())
    assert f"Port {port} on 127.0.0.1 is taken: stop what listens there, or choose {flag}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_server_answers_every_query_it_accepted(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "home") as server:
        with server.client() as client:
            client.register_application("slow", "doubles", "-1", 20_000_000)
            client.deploy_model("slow", 1, add_up_slowly, "doubles", example=[1.0], batch_size=4, app_name="slow")
            port = server.address["query_port"]
        with ThreadPoolExecutor(24) as threads:
            asked = [threads.submit(predict, server, "slow", [value], port) for value in range(24)]
            eventually(lambda: any(each.done() for each in asked), "no answer")
            assert server.stop(number) == 0
            assert [each.result()["output"] for each in asked] == list(range(24))
    assert processes_of(server.home) == {}


def test_server_ends_when_its_standard_input_is_closed(tmp_path: Path) -> None:
    server = Server(tmp_path / "home", "--stop-on-stdin-close").ready()
    assert server.process.stdin is not None
    server.process.stdin.write("this is no end\n")
    server.process.stdin.flush()
    with server.client() as client:
        assert client.get_all_apps() == []
    server.process.stdin.close()
    assert server.wait() == 0


def test_home_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    server = Server(tmp_path / "file")
    assert server.wait() == 1
    assert str(tmp_path / "file") in "".join(server.output.split("\n"))
    assert "Traceback" not in server.output


def test_home_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path / ("x" * 100))
    assert server.wait() == 1
    assert "Invalid home" in server.output


def test_full_store_is_told_to_the_operator_and_queries_are_answered(tmp_path: Path) -> None:
    from clipper.client import ClipperError
    from clipper.core.errors import ErrorCode

    with serving(tmp_path / "home", CLIPPER_STORE_MAP_SIZE_BYTES=str(1 << 18)) as server, server.client() as client:
        client.register_application("sum", "doubles", "-1", 10_000_000)
        client.deploy_model("sum", 1, add_up, "doubles", example=[1.0], app_name="sum")
        with pytest.raises(ClipperError) as refused:
            for number in range(1000):
                client.register_application(f"app{number}", "doubles", "x" * 10_000, 10_000)
        assert refused.value.code is ErrorCode.STORE_FULL
        assert "full" in refused.value.message
        assert predict(server, "sum", [1, 2])["output"] == 3
        for kind in ("frontend", "controller"):
            server.kill(kind)
            assert predict(server, "sum", [1, 2])["output"] == 3
        client.unregister_application("app0")  # there is room for what makes room
        client.register_application("last", "doubles", "0", 10_000)
