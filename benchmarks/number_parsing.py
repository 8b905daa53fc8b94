"""JSON bodies of numbers: the SIMD parser against one Python object for each number, by length.

`python -m benchmarks.number_parsing` prints microseconds per body; where the two columns cross is `MIN_BODY_BYTES` of
`frontend/number_bodies.py`.
"""

import json
import random
import timeit
from collections.abc import Callable

from clipper.core.inputs import InputType
from clipper.frontend.bodies import BodyDecoder

SHAPES: tuple[tuple[int, ...], ...] = ((8,), (32,), (64,), (128,), (256,), (784,), (28, 28), (3072,), (224, 224, 3))
VALUES: dict[str, Callable[[random.Random], float]] = {
    "pixels": lambda source: source.randrange(256),
    "fractions": lambda source: source.random(),
}
ROUNDS = 7
NUMBERS_PER_ROUND = 50_000


def main() -> None:
    print(f"{'input type':10} {'values':10} {'shape':>12} {'bytes':>9} {'objects':>10} {'SIMD':>10}")
    for input_type in (InputType.DOUBLES, InputType.FLOATS, InputType.INTEGERS):
        for name, value in VALUES.items():
            if input_type is InputType.INTEGERS and name == "fractions":
                continue
            for shape in SHAPES:
                body = body_of(shape, value)
                objects, simd = decoder(input_type, len(body) + 1), decoder(input_type, 0)
                one, other = microseconds(objects, body), microseconds(simd, body)
                size = "x".join(map(str, shape))
                print(
                    f"{input_type:10} {name:10} {size:>12} {len(body):9} {one:10.2f} {other:10.2f}  {one / other:.2f}x"
                )


def body_of(shape: tuple[int, ...], value: Callable[[random.Random], float]) -> bytes:
    """One input of that shape."""
    source = random.Random(1)

    def nested(rest: tuple[int, ...]) -> object:
        return [nested(rest[1:]) for _ in range(rest[0])] if rest else value(source)

    return json.dumps({"input": nested(shape)}).encode()


def decoder(input_type: InputType, min_bytes: int) -> BodyDecoder:
    """One that gives bodies from `min_bytes` on to the SIMD parser."""
    made = BodyDecoder(input_type, 1)
    made._min_numbers_bytes = min_bytes
    return made


def microseconds(asked: BodyDecoder, body: bytes) -> float:
    number = max(1, NUMBERS_PER_ROUND // (body.count(b",") + 1))
    return min(timeit.repeat(lambda: asked.predict(body), number=number, repeat=ROUNDS)) / number * 1e6


if __name__ == "__main__":
    main()
