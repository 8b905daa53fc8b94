"""A real container process over a real socket: what it does for peers that behave, and how it ends."""

import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from clipper.core.inputs import DType, InputType
from clipper.wire.batches import ItemFailure
from clipper.wire.handshake import Reject, Welcome, container_half
from clipper.wire.session import GoodbyeReceived, PongReceived, ResultReceived
from tests import toy_models
from tests.container_client import ContainerProcess, running
from tests.toy_models import bundle_of, python_bundle
from tests.wire.arrays import TOKEN, numbers, text


def answers(container: ContainerProcess) -> bool:
    """Whether it still serves somebody new."""
    with container.link() as client:
        return client.predict([1.0, 2.0]) == [b"3.0"]


def test_batches_are_answered_in_order_with_their_compute_time(tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.add_up)) as container, container.dial() as client:
        assert client.say_hello() == Welcome(1, container_half(TOKEN), "toy", "1", InputType.DOUBLES)
        client.send_doubles(7, [1.0, 2.0], [3.0, 4.0])
        client.send_doubles(8, [5.0, 6.0])
        first, second = client.receive(), client.receive()
        assert isinstance(first, ResultReceived)
        assert isinstance(second, ResultReceived)
        assert (first.batch_id, first.result.outcomes) == (7, [b"3.0", b"7.0"])
        assert (second.batch_id, second.result.outcomes) == (8, [b"11.0"])
        assert 0 < first.result.compute_ns < 10**9
        client.connection.sendall(client.session.send_ping(42))
        assert client.receive() == PongReceived(42)


def test_ragged_batch_and_texts_reach_the_model(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.lengths, example="hi", input_type=InputType.STRINGS)
    with running(bundle) as container, container.link() as client:
        client.send_inputs(1, [text("a"), text("four")])
        assert client.outcomes() == [b"1", b"4"]


def test_batch_larger_than_every_buffer_arrives_whole(tmp_path: Path) -> None:
    rows = [[float(row)] * 10_000 for row in range(100)]
    with running(python_bundle(tmp_path / "a", toy_models.add_up)) as container, container.link() as client:
        assert client.predict(*rows) == [repr(row * 10_000.0).encode() for row in range(100)]


def test_bad_input_fails_alone_and_leaves_one_traceback(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.refuse_negative)
    with running(bundle) as container, container.link() as client:
        failure = ItemFailure("ValueError: negative input")
        assert client.predict([1.0, 0.0], [-1.0, 0.0], [2.0, 0.0]) == [b"1.0", failure, b"2.0"]
        assert client.predict([-1.0, 0.0]) == [failure]
        assert container.log.count("Traceback") == 1
        assert "in refuse_negative" in container.log


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (toy_models.one_too_few, "predict_batch returned 1 outputs, expected 2: one for each input"),
        (toy_models.one_too_many_but_for_one, "predict_batch returned 3 outputs, expected 2: one for each input"),
        (toy_models.a_text, "predict_batch returned a str, expected a sequence of 2 outputs"),
    ],
)
def test_wrong_outputs_fail_every_item(function: object, says: str, tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", function, example=None)) as container, container.link() as client:
        assert client.predict([1.0, 2.0], [3.0, 4.0]) == [ItemFailure(says)] * 2


def test_outputs_larger_than_a_frame_fail_their_batch_only(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.a_megabyte_each)
    with running(bundle) as container, container.link() as client:
        (message,) = {each.message for each in client.predict(*[[0.0]] * 70) if isinstance(each, ItemFailure)}
        assert "too large" in message
        assert client.predict([0.0]) == [b'"' + b"x" * 1_000_000 + b'"']


def test_what_the_model_prints_is_in_the_log_at_once_and_not_on_the_wire(tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.talk)) as container, container.link() as client:
        assert client.predict([1.0] * 3, [2.0] * 3) == [b"3.0", b"6.0"]
        assert "the model says (2, 3)" in container.log


def test_model_that_calls_exit_goes_on_serving(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.leave_on_negative)
    with running(bundle) as container, container.link() as client:
        assert client.predict([-1.0, 0.0]) == [ItemFailure("SystemExit: 3")]
        assert client.predict([1.0, 2.0]) == [b"3.0"]


def test_model_that_dies_takes_its_link_with_it(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.die_on_negative)
    with running(bundle) as container, container.link() as client:
        client.send_doubles(1, [-1.0, 0.0])
        assert client.is_closed()
        assert container.exit_code() == 9


def test_model_that_crashes_in_native_code_leaves_the_line_that_called_it(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.crash_on_negative)
    with running(bundle) as container, container.link() as client:
        client.send_doubles(1, [-1.0, 0.0])
        assert container.exit_code() == -signal.SIGSEGV
        assert "in crash_on_negative" in container.log


def test_socket_is_for_this_user_only_and_replaces_a_stale_one(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.add_up)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(bundle.with_suffix(".sock")))
    with running(bundle) as container:
        assert answers(container)
        assert stat.S_IMODE(container.path.stat().st_mode) == 0o600


def test_tcp_address_says_the_port_it_got(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.add_up)
    with running(bundle, "--listen", "tcp:127.0.0.1:0", "--orphan-grace-s", "0") as container:
        assert container.exit_code() == 0
        assert "Ready: toy version 1 on tcp:127.0.0.1:" in container.log
        assert "tcp:127.0.0.1:0\n" not in container.log


# --- the end ---------------------------------------------------------------------------------------------------------


def test_sigterm_finishes_the_batch_at_hand_and_says_goodbye(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.say_and_sleep, example=None)
    with running(bundle) as container, container.link() as bystander, container.link() as client:
        client.send_doubles(1, [0.5, 0.0])
        client.send_doubles(2, [0.5, 0.0])
        container.wait_for_log("computing")
        container.process.send_signal(signal.SIGTERM)
        assert client.outcomes() == [b"0.5"]
        assert client.receive() == GoodbyeReceived()
        assert bystander.receive() == GoodbyeReceived()
        assert container.exit_code() == 0
        assert container.log.count("computing") == 1
        assert not container.path.exists()


def test_sigterm_while_idle_ends_at_once(tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.add_up)) as container, container.link() as client:
        container.process.send_signal(signal.SIGTERM)
        assert client.receive() == GoodbyeReceived()
        assert container.exit_code() == 0


def test_container_left_alone_ends_by_itself(tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.add_up), "--orphan-grace-s", "0.3") as container:
        with container.link() as client:
            assert client.predict([1.0, 2.0]) == [b"3.0"]
        assert container.exit_code() == 0
        assert "no peer for 0.3 s" in container.log
        assert not container.path.exists()


def test_stranger_does_not_keep_a_container_alive(tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.add_up), "--orphan-grace-s", "0.5") as container:
        with container.dial() as stranger:
            assert stranger.is_closed()
        assert container.exit_code() == 0


# --- it does not start ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "code", "says"),
    [
        (toy_models.FailsToLoad(toy_models.needs_a_module), 3, "requirements=['no_such_module']"),
        (toy_models.import_in_vain, 3, "requirements=['no_such_module']"),
        (toy_models.FailsToLoad(toy_models.cannot_be_made), 4, "RuntimeError: no weights here"),
        (7, 4, "expected a function"),
        (toy_models.one_too_few, 5, "returned 0 outputs, expected 1"),
        (toy_models.one_too_many_but_for_one, 5, "batch of 2 failed: predict_batch returned 3 outputs, expected 2"),
    ],
)
def test_model_that_cannot_be_served_is_never_listening(model: object, code: int, says: str, tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", model)) as container:
        assert container.exit_code() == code
        assert says in container.log
        assert "clipper/container" not in container.log
        assert not container.path.exists()


def test_corrupt_pickle_shows_its_traceback(tmp_path: Path) -> None:
    with running(bundle_of(tmp_path / "a", b"junk")) as container:
        assert container.exit_code() == 4
        assert "UnpicklingError" in container.log


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--listen", "unix:relative"], 6, "expected unix:/absolute/path or tcp:host:port"),
        (["--listen", "carrier:pigeon"], 6, "expected unix:/absolute/path or tcp:host:port"),
        (["--listen", "tcp:127.0.0.1:http"], 6, "expected tcp:host:port"),
        (["--listen", "unix:/" + "x" * 200], 6, "longer than 107 bytes"),
        (["--listen", "unix:/no/such/folder/s"], 6, "Cannot listen on unix:/no/such/folder/s"),
        (["--listen", ""], 2, "--listen, --model and --version are required"),
    ],
)
def test_address_that_cannot_be_used_is_named(options: list[str], code: int, says: str, tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.add_up), *options) as container:
        assert container.exit_code() == code
        assert says in container.log


def test_token_is_required_and_hidden_from_the_model(tmp_path: Path) -> None:
    def environment(inputs: toy_models.Doubles) -> list[bool]:
        import os

        return ["CLIPPER_CONTAINER_TOKEN" in os.environ] * len(inputs)

    bundle = python_bundle(tmp_path / "a", toy_models.add_up)
    with running(bundle, token="short") as container:
        assert container.exit_code() == 2
        assert "CLIPPER_CONTAINER_TOKEN must hold 64" in container.log
    import cloudpickle

    environment.__module__ = "__main__"
    with running(bundle_of(tmp_path / "b", cloudpickle.dumps(environment))) as container, container.link() as client:
        assert client.predict([1.0]) == [b"false"]


def test_dry_run_prints_outputs_and_needs_nothing_else(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.add_up)
    command = [sys.executable, "-m", "clipper.container", "--dry-run", "--bundle", str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "in a batch of 3" in done.stdout
    assert "3.0, 3.0, 3.0" in done.stdout


# --- who may talk ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["0" * 64, "", TOKEN[32:] + TOKEN[:32], "é" * 64])
def test_wrong_token_is_rejected_and_the_link_closed(token: str, tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.add_up)) as container:
        with container.dial() as client:
            reject = client.say_hello(token)
            assert isinstance(reject, Reject)
            assert reject.code == "token"
            assert client.is_closed()
        assert answers(container)
        assert TOKEN[:32] not in container.log


def test_many_peers_get_their_turns(tmp_path: Path) -> None:
    with running(python_bundle(tmp_path / "a", toy_models.add_up)) as container:
        clients = [container.link() for _ in range(8)]
        try:
            for number, client in enumerate(clients):
                for batch in range(3):
                    client.send_inputs(batch, [numbers(DType.FLOAT64, (1,), number)])
            for number, client in enumerate(clients):
                assert [client.outcomes() for _ in range(3)] == [[repr(float(number)).encode()]] * 3
        finally:
            for client in clients:
                client.connection.close()


def test_peer_with_many_batches_does_not_make_another_wait_for_them_all(tmp_path: Path) -> None:
    bundle = python_bundle(tmp_path / "a", toy_models.SlowCounter(), example=None)
    with running(bundle) as container, container.link() as greedy, container.link() as modest:
        for batch in range(40):
            greedy.send_doubles(batch, [0.0])
        assert isinstance(greedy.receive(), ResultReceived)
        (turn,) = modest.predict([0.0])
        assert isinstance(turn, bytes)
        assert int(turn) < 40
