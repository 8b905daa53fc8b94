import pytest

from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import Input, InputType
from clipper.frontend.bodies import BodyDecoder, UpdateBody


def update(body: bytes) -> UpdateBody:
    return BodyDecoder(InputType.DOUBLES, 10).update(body)


@pytest.mark.parametrize(
    ("label", "text"),
    [(b"3", b"3"), (b"1.5", b"1.5"), (b'"cat"', b'"cat"'), (b"false", b"false"), (b"[1, 2]", b"[1,2]"), (b"0", b"0")],
)
def test_label_is_any_json_value(label: bytes, text: bytes) -> None:
    assert update(b'{"query_id": 7, "label": %b}' % label) == UpdateBody(7, None, None, text)


def test_feedback_may_name_an_input() -> None:
    got = update(b'{"input": [1], "label": 1, "context": "ann"}')
    assert got.input is not None
    assert (got.query_id, got.input.shape, got.context) == (None, (1,), "ann")


@pytest.mark.parametrize(("uid", "context"), [(b"7", "7"), (b'"ann"', "ann"), (b"0", "0")])
def test_uid_is_the_originals_word_for_context(uid: bytes, context: str) -> None:
    assert update(b'{"uid": %b, "input": [1], "label": 1}' % uid).context == context


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", 'Expected JSON schema: {"query_id": integer'),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"query_id": 1}', "Missing field 'label', the true output of the query, or 'reward', from 0 to 1"),
        (b'{"query_id": 1, "label": 1, "reward": 1}', "one of the fields 'label' and 'reward', not both"),
        (b'{"query_id": 1, "reward": 1.01}', "Invalid reward 1.01: expected a number from 0 to 1"),
        (b'{"query_id": 1, "reward": -1}', "Invalid reward -1.0: expected a number from 0 to 1"),
        (b'{"query_id": 1, "reward": "1"}', "at `$.reward`"),
        (b'{"query_id": 1, "label": 1, "idempotency_key": ""}', "Invalid idempotency_key: expected 1 to 128 bytes"),
        (b'{"query_id": 1, "label": 1, "idempotency_key": "%b"}' % (b"k" * 129), "Invalid idempotency_key"),
        (b'{"query_id": 1, "label": 1, "idempotency_key": 7}', "at `$.idempotency_key`"),
        (b'{"query_id": 1, "label": null}', "Missing field 'label'"),
        (b'{"label": 1}', "Expected either 'query_id' (an integer) or 'input'"),
        (b'{"query_id": 1, "input": [1], "label": 1}', "Expected either 'query_id' (an integer) or 'input'"),
        (b'{"query_id": "1", "label": 1}', "at `$.query_id`"),
        (b'{"query_id": 1.5, "label": 1}', "at `$.query_id`"),
        (b'{"query_id": %b, "label": 1}' % (b"9" * 5000), "at `$.query_id`"),
        (b'{"uid": %b, "input": [1], "label": 1}' % (b"9" * 5000), "at `$.uid`"),
        (b'{"uid": %b, "input": [1], "label": 1}' % (b"9" * 300), "Invalid context"),
        (b'{"uid": true, "input": [1], "label": 1}', "at `$.uid`"),
        (b'{"input": [true], "label": 1}', "Invalid input: input[0] is true"),
        (b'{"input": [1], "label": 1, "context": ""}', "Invalid context"),
        (b'{"input": [1], "label": 1, "contxt": "a"}', "unknown field `contxt`"),
        (b'{"query_id": 1, "label": %b}' % (b"[" * 5000), "Error parsing JSON"),
        (b'{"query_id": 1, "label": %b%b}' % (b"[" * 100_000, b"]" * 100_000), "Error parsing JSON"),
    ],
)
def test_wrong_feedback_is_named(body: bytes, message: str) -> None:
    with pytest.raises(ClipperError) as refused:
        update(body)
    assert refused.value.code is ErrorCode.INVALID_ARGUMENT
    assert message in refused.value.message


@pytest.mark.parametrize(("reward", "value"), [(b"0", 0.0), (b"1", 1.0), (b"0.25", 0.25)])
def test_reward_stands_in_place_of_a_label(reward: bytes, value: float) -> None:
    assert update(b'{"query_id": 7, "reward": %b}' % reward) == UpdateBody(7, None, None, None, value)


def test_idempotency_key_is_text() -> None:
    assert update(b'{"query_id": 7, "label": 1, "idempotency_key": "\xc3\xa9"}').idempotency_key == "é"


def batch(body: bytes) -> list[bytes] | None:
    return BodyDecoder(InputType.DOUBLES, 3).update_batch(body)


def test_batch_is_taken_apart_and_no_further() -> None:
    one = b'{"query_id": 1, "label": 1}'
    assert batch(b'{"update_batch":[%b,7]}' % one) == [one, b"7"]
    assert batch(b' {\n "update_batch" : [7] }') == [b"7"]
    assert batch(one) is None
    assert batch(b'{"input": ["update_batch"], "label": 1}') is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"update_batch": []}', "Invalid update_batch: expected a list of at least one feedback"),
        (b'{"update_batch": 7}', "at `$.update_batch`"),
        (b'{"update_batch": [1, 2, 3, 4]}', "4 feedbacks exceed the limit of 3"),
        (b'{"update_batch": [1], "context": "ann"}', "unknown field `context`"),
        (b'{"update_batch": [{"label": }]}', "Error parsing JSON"),
    ],
)
def test_wrong_batch_is_named(body: bytes, message: str) -> None:
    with pytest.raises(ClipperError) as refused:
        batch(body)
    assert refused.value.code is ErrorCode.INVALID_ARGUMENT
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("kind", "value", "wrong"),
    [
        (InputType.DOUBLES, b"[1, 2.5]", b"[1, true]"),
        (InputType.FLOATS, b"[1, 2.5]", b"[1, 1e300]"),
        (InputType.INTEGERS, b"[1, 2]", b"[1, 2.5]"),
        (InputType.DOUBLES, b"[[1, 2], [3, 4]]", b"[[1, 2], [3]]"),
        (InputType.STRINGS, b'"text"', b"[1]"),
        (InputType.BYTES, b'"AAEC"', b'"!"'),
    ],
)
def test_input_of_feedback_is_that_of_a_query(kind: InputType, value: bytes, wrong: bytes) -> None:
    decoder = BodyDecoder(kind, 10)
    asked = decoder.predict(b'{"input": %b}' % value)
    asked = asked if isinstance(asked, Input) else asked.inputs[0]
    said = decoder.update(b'{"input": %b, "label": 1}' % value).input
    assert said is not None
    assert (said.dtype, said.shape, said.payload) == (asked.dtype, asked.shape, asked.payload)
    for body in (b'{"input": %b, "label": 1}' % wrong, b'{"input": null, "label": 1}'):
        with pytest.raises(ClipperError, match="Invalid input"):
            decoder.update(body)
