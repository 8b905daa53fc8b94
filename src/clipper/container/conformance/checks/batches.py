"""Batches of every type and shape, what fails in them, and how large they may be."""

from clipper.container.conformance.agreed import check_outcomes, check_sum, data, numbers, text
from clipper.container.conformance.check import Check
from clipper.container.conformance.golden import GOLDEN_BATCHES, golden
from clipper.container.conformance.subject import START_TIMEOUT_S, Subject
from clipper.core.inputs import DType, Input
from clipper.wire.batches import MAX_BATCH
from clipper.wire.frames import MAX_BODY_BYTES

_VALUES: dict[DType, tuple[float, ...]] = {
    DType.INT32: (-(2**31), 2**31 - 1, 0, 7, -7, 1),
    DType.FLOAT32: (-0.5, 0.25, 1024.0, 3.0, -(2.0**60), 2.0**-20),
    DType.FLOAT64: (-0.5, 2.0**-20, 2.0**30, 3.0, -7.0, 1024.0),
    DType.UINT8: (0, 255, 1, 2, 128, 7),
}

_STRINGS = (
    'quotes " and \\ and /', "line\nfeed\r\ttab", "\0 \x01 \x1f \x7f", "é ∀ 😀 \u2028 \ufeff", "[1, 2]", '{"a": 1}',
    "null", "1.5", " ", "x" * 100_000,
)  # fmt: skip

_NOT_UTF8 = (b"\xff", b"ok \xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82")


def golden_batches(subject: Subject) -> None:
    """The golden batches."""
    with subject.link() as link:
        for name, (number, inputs) in GOLDEN_BATCHES.items():
            link.send(golden(name))
            check_outcomes(inputs, link.result(number, len(inputs)).outcomes)


def uniform_numbers(subject: Subject) -> None:
    """Numbers of one shape: every type, 1 to 8 dimensions."""
    with subject.link() as link:
        for dtype, values in _VALUES.items():
            for shape in ((6,), (2, 3), (1, 6, 1), (1, 1, 1, 1, 1, 1, 3, 2)):
                inputs = [numbers(dtype, shape, *values), numbers(dtype, shape, *[1] * 6)] * 3
                check_outcomes(inputs, link.predict(inputs).outcomes)


def doubles_keep_their_digits(subject: Subject) -> None:
    """A double in an output reads back as the same double."""
    values = (0.1, -1.0 / 3.0, 1e300, 5e-324, 1.7976931348623157e308, 123456789.123456789, 1e16, -0.0)
    inputs = [numbers(DType.FLOAT64, (1,), value) for value in values]
    with subject.link() as link:
        check_outcomes(inputs, link.predict(inputs).outcomes)


def ragged_numbers(subject: Subject) -> None:
    """Numbers of several shapes in one batch."""
    with subject.link() as link:
        for dtype, values in _VALUES.items():
            for count in (1, 2, 5):
                inputs = [numbers(dtype, (count,), *values[:count]), numbers(dtype, (6,), *values)]
                check_outcomes(inputs, link.predict(inputs).outcomes)
            matrices = [numbers(dtype, (2, 2), *values[:4]), numbers(dtype, (1, 3), *values[:3])]
            check_outcomes(matrices, link.predict(matrices).outcomes)


def strings_of_all_kinds(subject: Subject) -> None:
    """Strings: escapes, control characters, all planes of Unicode."""
    inputs = [text(each) for each in _STRINGS]
    with subject.link() as link:
        check_outcomes(inputs, link.predict(inputs).outcomes)


def bytes_of_all_kinds(subject: Subject) -> None:
    """Bytes."""
    inputs = [data(each) for each in (bytes(range(256)), b"\0", b"\xff" * 70_000, b"text")]
    with subject.link() as link:
        check_outcomes(inputs, link.predict(inputs).outcomes)


def empty_inputs_fail_alone(subject: Subject) -> None:
    """Inputs without elements fail, their batch-mates do not."""
    number = numbers(DType.FLOAT64, (1,), 2.0)
    batches = [
        [data(b"a"), data(b""), data(b"b")],
        [text(""), text("a")],
        [number, numbers(DType.FLOAT64, (0,)), number],
        [numbers(DType.INT32, (2, 0))] * 2,
    ]
    with subject.link() as link:
        for inputs in batches:
            check_outcomes(inputs, link.predict(inputs).outcomes)


def failures_have_their_message(subject: Subject) -> None:
    """A failure has its own message, its batch-mates their outputs."""
    inputs = [text(each) for each in ("before", 'fail: é "quoted"', "between", "failure of another kind", "after")]
    with subject.link() as link:
        check_outcomes(inputs, link.predict(inputs).outcomes)
        check_outcomes(inputs[1:2], link.predict(inputs[1:2]).outcomes)


def what_is_no_json_fails(subject: Subject) -> None:
    """NaN and infinities fail alone, since JSON has none."""
    inf = float("inf")
    rows = [(1.0, 2.0), (float("nan"), 1.0), (inf, 1.0), (1.0, -inf), (3.0, 4.0)]
    with subject.link() as link:
        for dtype in (DType.FLOAT64, DType.FLOAT32):
            inputs = [numbers(dtype, (2,), *row) for row in rows]
            check_outcomes(inputs, link.predict(inputs).outcomes)


def what_is_no_utf8_fails(subject: Subject) -> None:
    """A string that is not UTF-8 fails alone."""
    inputs = [text("before"), *[data(each, DType.STRING) for each in _NOT_UTF8], text("after")]
    with subject.link() as link:
        check_outcomes(inputs, link.predict(inputs).outcomes)


def largest_batch(subject: Subject) -> None:
    """A batch of 65,536 inputs."""
    inputs = [numbers(DType.UINT8, (2,), number % 256, 1) for number in range(MAX_BATCH)]
    with subject.link() as link:
        check_outcomes(inputs, link.predict(inputs).outcomes)


def largest_body(subject: Subject) -> None:
    """A body of 64 MiB."""
    payload = bytes(range(256)) * ((MAX_BODY_BYTES - 16) // 256)
    payload += bytes(MAX_BODY_BYTES - 16 - len(payload))
    with subject.link() as link:
        link.timeout_s = START_TIMEOUT_S  # a model may take its time for 64 million numbers
        result = link.predict([Input(DType.UINT8, (len(payload),), payload)])
    check_sum(result.outcomes[0], sum(payload))


CHECKS: tuple[Check, ...] = (
    golden_batches,
    uniform_numbers,
    doubles_keep_their_digits,
    ragged_numbers,
    strings_of_all_kinds,
    bytes_of_all_kinds,
    empty_inputs_fail_alone,
    failures_have_their_message,
    what_is_no_json_fails,
    what_is_no_utf8_fails,
    largest_batch,
    largest_body,
)
