import json
from pathlib import Path
from typing import Any

import pytest

from clipper.container.bundle import (
    MANIFEST_NAME,
    MAX_PATH_BYTES,
    Manifest,
    check_path,
    digest,
    manifest_from_json,
    manifest_to_json,
    read_manifest,
    write_bundle,
)
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType

MANIFEST = Manifest(
    framework="python",
    entry="function.pkl",
    input_type=InputType.DOUBLES,
    example=[1.0, 2.0],
    requirements=("numpy>=1.26", "scikit-learn==1.9.1"),
    python="3.11",
    versions={"numpy": "2.4.6"},
    input_shape=(2,),
    classes=("no", 1, 2.5),
    threads=2,
    batch_sizes=(1, 8, 64),
    description="adds up",
)


def document(**changed: Any) -> bytes:
    return json.dumps({**json.loads(manifest_to_json(MANIFEST)), **changed}).encode()


def test_manifest_comes_back_as_it_was_written() -> None:
    assert manifest_from_json(manifest_to_json(MANIFEST)) == MANIFEST


def test_optional_fields_have_their_defaults() -> None:
    text = '{"format": 1, "framework": "sklearn", "entry": "m.joblib", "input_type": "d", "python": "3.12"}'
    assert manifest_from_json(text.encode()) == Manifest(
        framework="sklearn", entry="m.joblib", input_type=InputType.DOUBLES, python="3.12"
    )


@pytest.mark.parametrize("name", ["format", "framework", "entry", "input_type", "python"])
def test_missing_field_is_named(name: str) -> None:
    fields = json.loads(document())
    del fields[name]
    with pytest.raises(ClipperError, match=f"'{name}'"):
        manifest_from_json(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"colour": "red"}, "'colour' is an unknown field; known are batch_sizes, classes"),
        ({"format": 2}, "'format' is 2; this version of Clipper reads format 1"),
        ({"framework": 1}, "'framework' is '1'; expected a string"),
        ({"entry": "../x"}, "Invalid path '../x'"),
        ({"entry": "/etc/passwd"}, "Invalid path '/etc/passwd'"),
        ({"input_type": "colours"}, "Invalid input_type 'colours': expected one of bytes"),
        ({"output": "both"}, "'output' is 'both'; expected one of labels, scores, raw"),
        ({"example": "text"}, "Invalid example: expected a list of numbers"),
        ({"example": [1, None]}, "example[1] is null"),
        ({"requirements": "numpy"}, "'requirements' is not a list of pip requirements"),
        ({"requirements": ["numpy", ""]}, "'requirements'"),
        ({"requirements": ["--index-url=x"]}, "'requirements'"),
        ({"requirements": ["numpy\n--pre"]}, "'requirements'"),
        ({"requirements": ["x"] * 1001}, "'requirements' is a list of 1001"),
        ({"versions": {"numpy": 2}}, "'versions' is not an object"),
        ({"versions": []}, "'versions'"),
        ({"input_shape": 3}, "'input_shape' is 3; expected a list of integers of at least -1"),
        ({"input_shape": [1] * 9}, "'input_shape' is a list of 9; the limit is 8"),
        ({"classes": [None]}, "'classes' is not a list of texts and numbers"),
        ({"classes": [0] * 100_001}, "'classes' is a list of 100001"),
        ({"function": "../f.pkl"}, "Invalid path '../f.pkl'"),
        ({"threads": 0}, "'threads' is 0; expected a number from 1 to 1024"),
        ({"threads": True}, "'threads' is True"),
        ({"batch_sizes": [4, 2]}, "'batch_sizes' is [4, 2]; expected growing sizes"),
        ({"batch_sizes": [0]}, "'batch_sizes' is [0]; expected a list of integers of at least 1"),
        ({"command": "run"}, "'command' is not a list of a program and its arguments"),
        ({"command": ["run"]}, "'command' is ['run']; expected a program if the framework is 'command'"),
        ({"framework": "command"}, "'command' is []; expected a program"),
        ({"description": None}, "'description' is 'None'; expected a string"),
    ],
)
def test_wrong_field_is_named(changed: dict[str, object], says: str) -> None:
    with pytest.raises(ClipperError) as caught:
        manifest_from_json(document(**changed))
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert says in caught.value.message


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_manifest_that_is_not_an_object_is_refused(text: bytes) -> None:
    with pytest.raises(ClipperError, match=r"Invalid manifest\.json"):
        manifest_from_json(text)


def test_bundle_comes_back_as_it_was_written(tmp_path: Path) -> None:
    source = tmp_path / "weights"
    source.write_bytes(b"abc")
    write_bundle(tmp_path / "a" / "b", MANIFEST, {"function.pkl": b"code", "deep/er/weights.bin": source})
    assert read_manifest(tmp_path / "a" / "b") == MANIFEST
    assert (tmp_path / "a" / "b" / "deep/er/weights.bin").read_bytes() == b"abc"


def test_bundle_without_its_entry_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ClipperError, match=r"'entry' is 'function\.pkl'"):
        write_bundle(tmp_path / "a", MANIFEST, {"other.pkl": b""})
    assert not (tmp_path / "a").exists()


def test_folder_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClipperError, match=r"Not a model bundle: no readable manifest\.json"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST_NAME).write_bytes(document())
    with pytest.raises(ClipperError, match=r"'entry' is 'function\.pkl', which is not a file"):
        read_manifest(tmp_path)


def test_digest_names_content_and_paths_and_nothing_else(tmp_path: Path) -> None:
    def digest_of(name: str, files: dict[str, bytes | Path]) -> str:
        write_bundle(tmp_path / name, MANIFEST, {"function.pkl": b"x", **files})
        return digest(tmp_path / name)

    same = digest_of("one", {"a": b"1", "b": b"2"})
    assert digest_of("two", {"b": b"2", "a": b"1"}) == same
    others = [
        digest_of("three", {"a": b"1", "b": b"3"}),
        digest_of("four", {"a": b"12", "b": b""}),
        digest_of("five", {"a": b"1", "c": b"2"}),
        digest_of("six", {"ab": b"12"}),
    ]
    assert len({same, *others}) == 5
    assert len(same) == 64


@pytest.mark.parametrize(
    "name", ["", ".", "/", "/a", "..", "../a", "a/../b", "a\\b", "a\0b", "a\nb", "\ud800", "a" * (MAX_PATH_BYTES + 1)]
)
def test_path_that_could_leave_the_bundle_is_refused(name: str) -> None:
    with pytest.raises(ClipperError, match="Invalid path"):
        check_path(name)


@pytest.mark.parametrize("name", ["a", "a/b", ".hidden", "ü/…", "a b", "..a", "a" * MAX_PATH_BYTES])
def test_ordinary_path_is_kept(name: str) -> None:
    assert check_path(name).as_posix() == name
