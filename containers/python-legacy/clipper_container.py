"""A model container for Clipper in one file, for Pythons that Clipper itself does not run on: 3.6 and newer, Linux.

Put this file into a bundle of framework "command" beside a module of yours, say model.py, that defines

    def load(bundle):                  # the bundle's folder, a pathlib.Path
        model = ...
        def predict_batch(inputs):     # as many outputs as inputs
            return model.predict(inputs)
        return predict_batch

with the command ["python3.8", "clipper_container.py", "model.py"] in its manifest. What `predict_batch` receives: for
numbers of one shape an array [n, *shape], of several shapes a list of arrays (NumPy's if it is installed, else
memoryviews); for bytes a list of bytes, for strings a list of str. An output is a number, string, list, dict or array.

Speaks the protocol of docs/protocol.md, version 1: one thread, one batch at a time, each peer in its turn. Needs nothing
but Python. Where Clipper runs (3.11 and newer), use its own container instead.
"""

import argparse
import array
import base64
import ctypes
import fcntl
import gc
import hmac
import importlib.util
import json
import mmap
import os
import selectors
import signal
import socket
import stat
import struct
import sys
import time
import traceback
from math import inf, isfinite
from pathlib import Path

try:
    import numpy
except ImportError:
    numpy = None

HELLO, WELCOME, REJECT, PREDICT, RESULT, PING, PONG, GOODBYE = range(1, 9)
ALLOWED_BEFORE = {HELLO}
ALLOWED_AFTER = {PREDICT, PING, PONG, GOODBYE}

BYTES, INT32, FLOAT32, FLOAT64, STRING, UINT8 = range(6)
FORMAT = {BYTES: "B", INT32: "i", FLOAT32: "f", FLOAT64: "d", STRING: "B", UINT8: "B"}
NUMPY_NAME = {INT32: "<i4", FLOAT32: "<f4", FLOAT64: "<f8", UINT8: "u1"}
DTYPE_OF = {"bytes": BYTES, "integers": INT32, "floats": FLOAT32, "doubles": FLOAT64, "strings": STRING}

HEADER = struct.Struct("<IBBHQ")
PREDICT_HEAD = struct.Struct("<IBBBB")
FAILED = 1 << 31

MAX_BODY = 64 << 20  # of a frame, once the peer has proved itself
MAX_HANDSHAKE = 64 << 10  # before
MAX_BATCH = 65536
MAX_DIMENSIONS = 8
MAX_ARENA = 1 << 30
MAX_PEERS = 64  # one more is hung up on
MAX_MESSAGE_CHARACTERS = 1000  # of a failure
SOCKET_BUFFER = 4 << 20  # asked of the kernel: two batches should be under way
PEER_PATIENCE_S = 5.0  # for a peer that stops in the middle of something
GOODBYE_PATIENCE_S = 1.0  # for all peers together to take their last results
LONGEST_WAIT_S = 0.1  # a signal does not end the wait of a selector
LOG_INTERVAL_S = 1.0  # between two tracebacks

F_GET_SEALS, F_SEAL_SHRINK = 1034, 2  # of linux/fcntl.h; Python knows them since 3.9

CANNOT_IMPORT, CANNOT_LOAD, CANNOT_ANSWER, CANNOT_LISTEN = 3, 4, 5, 6


class ProtocolError(Exception):
    """The peer broke the protocol: its connection ends, and no other."""


# --- batches ------------------------------------------------------------------------------------------------------------


class Batch:
    """The inputs of a PREDICT: `shapes` has one entry if all rows have that shape, else one for each."""

    def __init__(self, dtype, size, shapes, payload):
        self.dtype, self.size, self.shapes, self.payload = dtype, size, shapes, payload

    def row_shapes(self):
        return self.shapes if len(self.shapes) == self.size else self.shapes * self.size

    def rows(self):
        """The bytes of each row."""
        rows, start = [], 0
        for shape in self.row_shapes():
            end = start + struct.calcsize(FORMAT[self.dtype]) * product(shape)
            rows.append(self.payload[start:end])
            start = end
        return rows

    def single_items(self):
        """Each input as a batch of its own."""
        return [Batch(self.dtype, 1, [shape], row) for shape, row in zip(self.row_shapes(), self.rows())]

    def model_inputs(self):
        """The argument of `predict_batch`: copies, so that a model may write into them."""
        if self.dtype == BYTES:
            return [bytes(row) for row in self.rows()]
        if self.dtype == STRING:
            return [str(row, "utf-8") for row in self.rows()]
        if len(self.shapes) == 1 and numpy is not None:
            flat = numpy.frombuffer(self.payload, NUMPY_NAME[self.dtype])
            return flat.reshape((self.size,) + tuple(self.shapes[0])).copy()
        return [as_array(row, self.dtype, shape) for row, shape in zip(self.rows(), self.row_shapes())]


def as_array(row, dtype, shape):
    if numpy is not None:
        return numpy.frombuffer(row, NUMPY_NAME[dtype]).reshape(shape).copy()
    view = memoryview(bytearray(row)).cast(FORMAT[dtype])
    return view.cast("B").cast(FORMAT[dtype], shape) if len(view) else view  # an empty view has no other shape


def product(numbers):
    total = 1
    for each in numbers:
        total *= each
    return total


def decode_predict(body, arena):
    """The batch in the body of a PREDICT. Raises ProtocolError unless its lengths add up exactly."""
    if len(body) < PREDICT_HEAD.size:
        raise ProtocolError("a PREDICT that ends in its header")
    size, dtype, layout, ndim, place = PREDICT_HEAD.unpack_from(body)
    if dtype not in FORMAT or layout > 1 or place > 1:
        raise ProtocolError("a PREDICT of an unknown type, layout or place")
    if not 1 <= size <= MAX_BATCH or not 1 <= ndim <= MAX_DIMENSIONS:
        raise ProtocolError("a PREDICT with too few or too many inputs or dimensions")
    if dtype in (BYTES, STRING) and (layout, ndim) != (1, 1):
        raise ProtocolError("a PREDICT of bytes or strings that is not ragged with one dimension")
    count = ndim * (size if layout else 1)
    start = (PREDICT_HEAD.size + 4 * count + 7) // 8 * 8
    if len(body) < start:
        raise ProtocolError("a PREDICT that ends in its dimensions")
    dimensions = struct.unpack_from("<%dI" % count, body, PREDICT_HEAD.size)
    shapes = [dimensions[at : at + ndim] for at in range(0, count, ndim)]
    needed = sum(map(product, shapes)) * (1 if layout else size) * struct.calcsize(FORMAT[dtype])
    rows = memoryview(body)[start:]
    if place:
        rows = rows_in_arena(rows, needed, arena)
    elif needed != len(rows):
        raise ProtocolError("a PREDICT whose rows are not as long as its dimensions say")
    return Batch(dtype, size, shapes, rows)


def rows_in_arena(reference, needed, arena):
    if arena is None or len(reference) != 8:
        raise ProtocolError("a PREDICT that refers to an arena in a way it cannot")
    (offset,) = struct.unpack("<Q", reference)
    if offset % 8 or offset + needed > len(arena):
        raise ProtocolError("a PREDICT whose rows lie outside of the arena")
    return arena[offset : offset + needed]


# --- outcomes -----------------------------------------------------------------------------------------------------------


class Failure(str):
    """The message of an input that could not be answered."""


def refuse(literal):
    raise ValueError("%s is no JSON" % literal)


def encode_output(output):
    """JSON text, or a Failure. Text that is JSON already is passed on as the value it spells."""
    if type(output) is int or (type(output) is float and isfinite(output)):
        return repr(output).encode()  # as `json` writes it, in a tenth of the time
    if isinstance(output, (bytes, bytearray)):
        output = bytes(output).decode("utf-8", "replace")
    if isinstance(output, str):
        try:
            json.loads(output, parse_constant=refuse)
            return output.encode()
        except (ValueError, RecursionError):
            pass
    try:
        return json.dumps(output, ensure_ascii=False, allow_nan=False, default=plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return Failure("The output is not JSON: %s" % summary(error))


def plain(value):
    """What JSON can hold of a value that `json` does not know: NumPy's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError("%s is not a number, string, list, dict or array" % type(value).__name__)


def encode_result(number, outcomes, compute_ns):
    lengths, items = [], []
    for outcome in outcomes:
        failed = isinstance(outcome, Failure)
        item = outcome[:MAX_MESSAGE_CHARACTERS].encode("utf-8", "replace") if failed else outcome
        lengths.append(len(item) | (FAILED if failed else 0))
        items.append(item)
    length = 16 + 4 * len(items) + sum(map(len, items))
    if length > MAX_BODY:
        failure = Failure("The outputs of the batch are too large: %d bytes" % length)
        return encode_result(number, [failure] * len(items), compute_ns)
    head = HEADER.pack(length, RESULT, 0, 0, number) + struct.pack("<IIQ", len(items), 0, compute_ns)
    return b"".join([head, struct.pack("<%dI" % len(items), *lengths)] + items)


def summary(error):
    return "".join(traceback.format_exception_only(type(error), error)).strip()[:MAX_MESSAGE_CHARACTERS]


class Model:
    """A function of a batch: one outcome for each input, whatever its code does."""

    def __init__(self, predict_batch):
        self._predict_batch = predict_batch
        self._quiet_until = -inf

    def predict(self, batch):
        """If the batch fails, its inputs are tried one by one, so that one bad input does not fail its batch-mates."""
        try:
            return self.predict_or_raise(batch)
        except (Exception, SystemExit) as error:
            self._log(batch.size)
            if batch.size == 1:
                return [Failure(summary(error))]
        return [self.predict(item)[0] for item in batch.single_items()]

    def predict_or_raise(self, batch):
        outputs = self._predict_batch(batch.model_inputs())
        outputs = outputs.tolist() if hasattr(outputs, "tolist") else list(outputs)
        if len(outputs) != batch.size:
            raise ValueError("predict_batch returned %d outputs for %d inputs" % (len(outputs), batch.size))
        return [encode_output(each) for each in outputs]

    def _log(self, size):
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + LOG_INTERVAL_S
            log("Predicting a batch of %d failed\n%s" % (size, traceback.format_exc()))


# --- one connection -----------------------------------------------------------------------------------------------------


class Peer:
    """A frontend or the controller. Holds one frame of it at a time: the next ones wait in the socket."""

    def __init__(self, connection):
        self.connection = connection
        self.welcome = False
        self.arena = None
        self.overdue_at = time.monotonic() + PEER_PATIENCE_S
        self.watched = selectors.EVENT_READ
        self.frame = None
        self._head = bytearray(HEADER.size)
        self._body = None
        self._filled = 0
        self._descriptor = -1
        self._unsent = memoryview(b"")

    @property
    def blocked(self):
        return len(self._unsent) > 0

    @property
    def has_work(self):
        return self.frame is not None and not self.blocked

    def receive(self):
        """Read as much of the frame at hand as is there. False: the peer has gone."""
        try:
            while self.frame is None:
                target = self._head if self._body is None else self._body
                got = self._read(memoryview(target)[self._filled :])
                if not got:
                    return False
                self._filled += got
                self._advance()
        except BlockingIOError:
            pass
        except OSError:
            return False
        self.set_timer()
        return True

    def _advance(self):
        if self._body is None and self._filled == HEADER.size:
            self._check_head()
            self._filled = 0
        if self._body is not None and self._filled == len(self._body):
            _, kind, _, _, number = HEADER.unpack(self._head)
            self.frame = (kind, number, self._body)
            self._body, self._filled = None, 0

    def _check_head(self):
        length, kind, flags, reserved, _ = HEADER.unpack(self._head)
        if flags or reserved or length > (MAX_BODY if self.welcome else MAX_HANDSHAKE):
            raise ProtocolError("no frame, or one over the limit")
        if kind not in (ALLOWED_AFTER if self.welcome else ALLOWED_BEFORE):
            raise ProtocolError("a message that is not expected here")
        self._body = bytearray(length)

    def _read(self, target):
        if self.welcome:
            return self.connection.recv_into(target)
        room = socket.CMSG_SPACE(array.array("i", [0]).itemsize)
        data, ancillary, _, _ = self.connection.recvmsg(len(target), room)
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                for descriptor in struct.unpack("%di" % (len(content) // 4), content[: len(content) // 4 * 4]):
                    self._drop_descriptor()
                    self._descriptor = descriptor
        target[: len(data)] = data
        return len(data)

    def map_arena(self, size):
        """Whether the memory that came with HELLO is as it should be: else reading it could end this process."""
        try:
            sealed = self._descriptor >= 0 and fcntl.fcntl(self._descriptor, F_GET_SEALS) & F_SEAL_SHRINK
            if sealed and 0 < size <= os.fstat(self._descriptor).st_size:
                self.arena = memoryview(mmap.mmap(self._descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ))
        except OSError:
            pass
        self._drop_descriptor()
        return self.arena is not None

    def send(self, data):
        """Send `data` as far as the peer takes it, and keep the rest. False: the peer has gone."""
        self._unsent = memoryview(bytes(self._unsent) + data if self._unsent else data)
        return self.flush()

    def flush(self):
        try:
            while self._unsent:
                self._unsent = self._unsent[self.connection.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        self.set_timer()
        return True

    def set_timer(self):
        """The handshake has one deadline; later the peer has one whenever it is its turn to move."""
        if self.welcome:
            mid_frame = self.frame is None and (self._filled > 0 or self._body is not None)
            self.overdue_at = time.monotonic() + PEER_PATIENCE_S if self.blocked or mid_frame else inf

    def say_goodbye(self, timeout_s):
        try:
            self.connection.settimeout(max(timeout_s, 0.001))
            self.connection.sendall(bytes(self._unsent) + (frame(GOODBYE) if self.welcome else b""))
        except OSError:
            pass
        self.close()

    def close(self):
        self.connection.close()
        self.arena = None
        self._drop_descriptor()

    def _drop_descriptor(self):
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def frame(kind, number=0, body=b""):
    return HEADER.pack(len(body), kind, 0, 0, number) + body


def decode_hello(body):
    try:
        fields = json.loads(bytes(body).decode())
    except (ValueError, RecursionError):
        raise ProtocolError("a HELLO that is not JSON")
    if not isinstance(fields, dict):
        raise ProtocolError("a HELLO that is not a JSON object")
    for name, kind in (("protocol", int), ("token", str), ("peer", str), ("arena", int)):
        value = fields.get(name, 0 if name == "arena" else None)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ProtocolError("a HELLO whose field %r is missing or of another type" % name)
    if not 0 <= fields.get("arena", 0) <= MAX_ARENA:
        raise ProtocolError("a HELLO with an arena over the limit")
    return fields


# --- the container ------------------------------------------------------------------------------------------------------


class Container:
    """The loop: `run` returns after `stop`, or when no peer was there for `orphan_grace_s`."""

    def __init__(self, model, identity, token, listener, orphan_grace_s):
        self._model, self._identity, self._token, self._listener = model, identity, token, listener
        self._grace_s = orphan_grace_s
        self._orphan_at = inf
        self._peers = []
        self._selector = selectors.DefaultSelector()
        self._stopping = False

    def stop(self, *_):
        self._stopping = True

    def run(self):
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._orphan_at = time.monotonic() + self._grace_s
        while not self._stopping and time.monotonic() < self._orphan_at:
            self._turn()
        log("Leaving: %s" % ("asked to stop" if self._stopping else "no peer for %g s" % self._grace_s))
        until = time.monotonic() + GOODBYE_PATIENCE_S
        for peer in self._peers:
            peer.say_goodbye(until - time.monotonic())

    def _turn(self):
        for key, ready in self._selector.select(self._wait_s()):
            if key.data is None:
                self._accept()
            elif not key.data.has_work:
                self._move(key.data, ready)
        now = time.monotonic()
        for peer in [each for each in self._peers if each.overdue_at <= now and not each.has_work]:
            self._hang_up(peer, "it kept us waiting in the middle of a message")
        for peer in self._peers:
            if peer.has_work:
                self._peers.remove(peer)  # to the end: the others are next
                self._peers.append(peer)
                self._answer(peer)
                break

    def _wait_s(self):
        if any(peer.has_work for peer in self._peers):
            return 0.0
        next_at = min([self._orphan_at] + [peer.overdue_at for peer in self._peers])
        return min(max(0.0, next_at - time.monotonic()), LONGEST_WAIT_S)

    def _accept(self):
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._peers) >= MAX_PEERS:
            connection.close()
            return
        connection.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = Peer(connection)
        self._peers.append(peer)
        self._selector.register(connection, peer.watched, peer)

    def _move(self, peer, ready):
        """Bytes in or out."""
        try:
            alive = peer.flush() if ready & selectors.EVENT_WRITE else peer.receive()
        except ProtocolError as error:
            self._hang_up(peer, str(error))
        else:
            self._after(peer, alive, "it has gone")

    def _answer(self, peer):
        kind, number, body = peer.frame
        peer.frame = None
        try:
            if kind == HELLO:
                alive = self._greet(peer, decode_hello(body))
            elif kind == PREDICT:
                alive = peer.send(self._predict(number, decode_predict(body, peer.arena)))
            elif kind == PING:
                alive = peer.send(frame(PONG, number))
            else:
                alive = kind != GOODBYE
        except ProtocolError as error:
            self._hang_up(peer, str(error))
        else:
            self._after(peer, alive, "it said goodbye" if kind == GOODBYE else "it has gone")

    def _predict(self, number, batch):
        start = time.perf_counter()
        outcomes = self._model.predict(batch)
        return encode_result(number, outcomes, int((time.perf_counter() - start) * 1e9))

    def _greet(self, peer, hello):
        token = hello["token"].encode("utf-8", "replace")
        if hello["protocol"] != 1:
            reject = {"code": "protocol", "message": "This container speaks protocol 1, not %d" % hello["protocol"]}
        elif not hmac.compare_digest(token, self._token[:32].encode()):
            reject = {"code": "token", "message": "The token is not the one this container was started with"}
        else:
            peer.welcome = True
            self._orphan_at = inf
            welcome = dict(
                self._identity, protocol=1, token=self._token[32:], arena=peer.map_arena(hello.get("arena", 0))
            )
            return peer.send(frame(WELCOME, 0, json.dumps(welcome).encode()))
        peer.send(frame(REJECT, 0, json.dumps(reject).encode()))
        return False

    def _after(self, peer, alive, why):
        """Something has moved: what does the selector watch now?"""
        if not alive:
            self._hang_up(peer, why)
            return
        watched = selectors.EVENT_WRITE if peer.blocked else selectors.EVENT_READ
        if peer.watched != watched:
            peer.watched = watched
            self._selector.modify(peer.connection, watched, peer)
        peer.set_timer()

    def _hang_up(self, peer, reason):
        log("Closed a link: %s" % reason)
        self._selector.unregister(peer.connection)
        self._peers.remove(peer)
        peer.close()
        if not any(each.welcome for each in self._peers):
            self._orphan_at = min(self._orphan_at, time.monotonic() + self._grace_s)


# --- starting -----------------------------------------------------------------------------------------------------------


def log(line):
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def listen(address):
    """A listening socket that does not block. Raises OSError, ValueError for an address that is none."""
    scheme, _, place = address.partition(":")
    if scheme == "unix" and place.startswith("/"):
        if os.path.exists(place) and stat.S_ISSOCK(os.lstat(place).st_mode):
            os.unlink(place)
        listener, name = socket.socket(socket.AF_UNIX), place
    elif scheme == "tcp" and ":" in place:
        host, _, port = place.rpartition(":")
        family, kind, _, _, name = socket.getaddrinfo(host.strip("[]"), int(port), 0, socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        raise ValueError("expected unix:/absolute/path or tcp:host:port")
    before = os.umask(0o177)  # a unix socket is for this user only
    try:
        listener.bind(name)
    finally:
        os.umask(before)
    listener.listen(MAX_PEERS)
    listener.setblocking(False)
    return listener


def load_model(path, bundle):
    """What the `load` of the module at `path` gives."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return Model(module.load(bundle))


def example_of(manifest):
    """The example of a manifest as a batch of one, or None."""
    value, dtype = manifest.get("example"), DTYPE_OF[manifest["input_type"]]
    if value is None:
        return None
    if dtype == STRING:
        data = value.encode()
        return Batch(dtype, 1, [(len(data),)], memoryview(data))
    if dtype == BYTES:
        data = base64.b64decode(value)
        return Batch(dtype, 1, [(len(data),)], memoryview(data))
    shape, numbers = [], value
    while isinstance(numbers, list):
        shape.append(len(numbers))
        numbers = numbers[0] if numbers else 0
    for _ in shape[1:]:
        value = [number for row in value for number in row]
    return Batch(dtype, 1, [tuple(shape)], memoryview(struct.pack("<%d%s" % (len(value), FORMAT[dtype]), *value)))


def warm_up(model, example):
    """Answer the example alone and in a batch of two: many frameworks are slow the first time. Raises what fails."""
    for size in (1, 2):
        batch = Batch(example.dtype, size, example.shapes * size, memoryview(bytes(example.payload) * size))
        if size > 1 and example.dtype in NUMPY_NAME:
            batch.shapes = example.shapes
        for outcome in model.predict_or_raise(batch):
            if isinstance(outcome, Failure):
                raise ValueError(outcome)


def keep_freed_memory():
    """Keep freed blocks for the next batch, where the C library is glibc: it would give large ones back at once."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD
        mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD


def prepared(options):
    """The model, warm, and what its input is; else ends the process with the code for what went wrong."""
    stage = CANNOT_LOAD
    try:
        manifest_path = options.bundle / "manifest.json"
        manifest = json.loads(manifest_path.read_text(encoding="utf-8")) if manifest_path.exists() else {}
        manifest.setdefault("input_type", "doubles")
        path = options.bundle / options.module if (options.bundle / options.module).exists() else Path(options.module)
        model = load_model(path, options.bundle)
        stage = CANNOT_ANSWER
        example = example_of(manifest)
        if example is not None:
            warm_up(model, example)
    except ImportError as error:
        log("%sAn import failed: %s" % (traceback.format_exc(), error))
        sys.exit(CANNOT_IMPORT)
    except Exception as error:
        doing = "Loading the model" if stage == CANNOT_LOAD else "Predicting the example"
        log("%s%s failed: %s" % (traceback.format_exc(), doing, summary(error)))
        sys.exit(stage)
    return model, manifest["input_type"]


def main():
    parser = argparse.ArgumentParser(description="Serve a model of an older Python; started by Clipper.")
    parser.add_argument("module", help="the file with `load`, in the bundle or else here")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--orphan-grace-s", type=float, default=10.0)
    options = parser.parse_args()
    token = os.environ.pop("CLIPPER_CONTAINER_TOKEN", "")  # the model, and what it starts, need not know it
    if len(token) != 64:
        parser.error("CLIPPER_CONTAINER_TOKEN must hold 64 hexadecimal digits")
    keep_freed_memory()
    model, input_type = prepared(options)
    gc.collect()
    try:
        listener = listen(options.listen)
    except (OSError, ValueError) as error:
        log("Cannot listen on %s: %s" % (options.listen, error))
        sys.exit(CANNOT_LISTEN)
    identity = {"model": options.model, "version": options.version, "input_type": input_type}
    container = Container(model, identity, token, listener, options.orphan_grace_s)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, container.stop)
    log("Ready: %s version %s on %s" % (options.model, options.version, options.listen))
    try:
        container.run()
    finally:
        listener.close()
        if options.listen.startswith("unix:"):
            os.unlink(options.listen[5:])


if __name__ == "__main__":
    main()
