"""What is sent: whole HTTP requests, made before the clock starts, so that sending costs next to nothing."""

from collections.abc import Iterator, Sequence

import numpy as np

from clipper.core.errors import invalid

RANDOM_INPUTS = 10_000
"""Different ones where none are given: enough that a cache of outputs does not decide the result soon."""

NUMERIC = ("integers", "floats", "doubles")


def random_inputs(input_type: str, width: int, rng: np.random.Generator) -> list[bytes]:
    """JSON texts of random numbers. Raises INVALID_ARGUMENT for an application that does not take numbers."""
    if input_type not in NUMERIC:
        raise invalid(f"Invalid --input: this application takes {input_type}, so it has to be given")
    if input_type == "integers":
        rows = rng.integers(0, 1 << 31, (RANDOM_INPUTS, width)).tolist()
    else:
        rows = rng.random((RANDOM_INPUTS, width)).round(8).tolist()
    return [repr(row).encode() for row in rows]


def requests(application: str, host: str, inputs: Sequence[bytes]) -> Iterator[bytes]:
    """POSTs of the inputs, in turn, for ever."""
    head = f"POST /{application}/predict HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n".encode()
    made = []
    for each in inputs:
        body = b'{"input": %b}' % each
        made.append(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
    while True:
        yield from made
