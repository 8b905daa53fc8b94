"""A bundle: the folder in which a packaged model lies, and the manifest that says what it is.

Read by the container, written by the client, kept by the controller under its digest. Knows nothing of archives.
"""

import hashlib
import json
import platform
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from clipper.core.errors import ClipperError, invalid
from clipper.core.inputs import InputType, parse_input_type
from clipper.core.json_inputs import MAX_JSON_DIMENSIONS, input_from_json

FORMAT = 1

COMMAND = "command"
"""The framework of containers in any language: what is run is the manifest's `command`."""

MANIFEST_NAME = "manifest.json"

MAX_MANIFEST_BYTES = 16 * 1024 * 1024
"""The example is the only large part: an image of 224x224x3 is 3 MB as JSON."""

MAX_REQUIREMENTS = 1000

MAX_PATH_BYTES = 255
"""Of a file inside a bundle: what every file system has room for, even in one name."""

MAX_THREADS = 1024
MAX_BATCH_BUCKETS = 32
MAX_CLASSES = 100_000

OUTPUTS = ("labels", "scores", "raw")

ClassLabel: TypeAlias = str | int | float

_PATH_CHARACTERS = re.compile(r"[^\0-\x1f\\\ud800-\udfff]+").fullmatch
_REQUIREMENT = re.compile(r"[^-\s\0-\x1f][^\0-\x1f]*").fullmatch
"""One line, and never an option for pip."""

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle holds and what it needs.

    Attributes:
        framework: which loader, of the table in `container.loaders`; or "command": a container in any language.
        entry: the model's file or folder, relative to the bundle; its suffix may say the format.
        input_type: what one input is.
        input_shape: the dimensions of one input, -1 for one of any length; empty: whatever the model takes.
        output: "labels" (what the model predicts), "scores" (of each class, where the model has them) or "raw" (all
            that it answers, as it does).
        classes: what the scores are of, in their order, where the model's file does not know; empty: their numbers.
        function: the file of a pickled function of (model, inputs) that predicts in the model's place; or "".
        example: one input as the predict REST body carries it, or None.
        requirements: pip requirements; empty: run in the server's own environment, if that has what `versions` names.
        python: major.minor version of the Python that packaged it, and that an environment of its own is made with.
        versions: versions of the packages that matter, where it was packaged.
        threads: how many a replica may compute with.
        batch_sizes: batches are padded to the next of these, and each is tried before the first query: for frameworks
            that compile for each size. Empty: as they come.
        command: of the framework "command": program and arguments; the program is relative to the bundle or on PATH.
        description: a line for people.
        format: the version of this format.
    """

    framework: str
    entry: str
    input_type: InputType
    input_shape: tuple[int, ...] = ()
    output: str = "labels"
    classes: tuple[ClassLabel, ...] = ()
    function: str = ""
    example: Any = None
    requirements: tuple[str, ...] = ()
    python: str = ".".join(platform.python_version_tuple()[:2])
    versions: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    batch_sizes: tuple[int, ...] = ()
    command: tuple[str, ...] = ()
    description: str = ""
    format: int = FORMAT


def manifest_to_json(manifest: Manifest) -> bytes:
    """The text of `manifest.json`."""
    return json.dumps(asdict(manifest), indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def manifest_from_json(text: bytes) -> Manifest:
    """Raises INVALID_ARGUMENT naming the field that is missing, unknown or not as expected."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"Invalid {MANIFEST_NAME}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"Invalid {MANIFEST_NAME}: expected a JSON object")
    known = {each.name for each in fields(Manifest)}
    unknown = sorted(document.keys() - known)
    if unknown:
        raise _wrong(unknown[0][:80], f"an unknown field; known are {', '.join(sorted(known))}")
    if document.get("format") != FORMAT:
        raise _wrong("format", f"{document.get('format')!r}; this version of Clipper reads format {FORMAT}")
    return _checked(document)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the bundle in `folder`. Raises INVALID_ARGUMENT if it, or the entry it names, is missing."""
    path = folder / MANIFEST_NAME
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise invalid(f"Invalid {MANIFEST_NAME}: more than {MAX_MANIFEST_BYTES} bytes; give a smaller example")
        manifest = manifest_from_json(path.read_bytes())
    except OSError as error:
        raise invalid(f"Not a model bundle: no readable {MANIFEST_NAME} in {folder}: {error.strerror}") from None
    for name in ("entry", "function"):
        path = getattr(manifest, name)
        if path and not (folder / path).exists():
            raise _wrong(name, f"{path!r}, which is not a file of the bundle")
    return manifest


def write_bundle(
    folder: Path,
    manifest: Manifest,
    files: Mapping[str, bytes | Path],
    save: Callable[[Path], None] | None = None,
) -> None:
    """Make `folder`, which must not exist, a bundle of `files`: relative path to content, or to the file to copy.

    Args:
        folder: the bundle to be.
        manifest: what it will say.
        files: what it will hold.
        save: writes further files into the folder it is given, for frameworks that write files themselves.
    """
    text = manifest_to_json(manifest)
    manifest_from_json(text)
    if save is None and not any(name == manifest.entry or name.startswith(f"{manifest.entry}/") for name in files):
        raise _wrong("entry", f"{manifest.entry!r}, which is not among the files {sorted(files)}")
    folder.mkdir(parents=True)
    if save is not None:
        save(folder)
    for name, content in files.items():
        target = folder / check_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_bytes(content)
    (folder / MANIFEST_NAME).write_bytes(text)


def digest(folder: Path) -> str:
    """What names a bundle: SHA-256 in hexadecimal over its files' relative paths and bytes, in the order of the paths.

    Each path and each content is preceded by its length, so that no two bundles can run together to the same bytes.
    """
    total = hashlib.sha256()
    for name, path in bundle_files(folder):
        encoded = name.encode()
        total.update(len(encoded).to_bytes(8, "little") + encoded + path.stat().st_size.to_bytes(8, "little"))
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                total.update(chunk)
    return total.hexdigest()


def bundle_files(folder: Path) -> list[tuple[str, Path]]:
    """Relative POSIX path and place of each file, in the order of the paths.

    Links are not part of a bundle, nor is the byte code that Python leaves beside what it runs.
    """
    return sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.relative_to(folder).parts
    )


def check_path(name: str) -> PurePosixPath:
    """`name` as a path that cannot leave the bundle, else INVALID_ARGUMENT naming it."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or not _PATH_CHARACTERS(name):
        raise invalid(f"Invalid path {name[:80]!r} in the bundle: expected a relative path without '..'")
    if len(name.encode()) > MAX_PATH_BYTES:
        raise invalid(f"Invalid path {name[:80]!r}… in the bundle: longer than {MAX_PATH_BYTES} bytes")
    return path


def _checked(document: dict[str, Any]) -> Manifest:
    entry = _text(document, "entry")
    check_path(entry)
    function = _text(document, "function", "")
    if function:
        check_path(function)
    input_type = parse_input_type(_text(document, "input_type"))
    output = _text(document, "output", "labels")
    if output not in OUTPUTS:
        raise _wrong("output", f"{output!r}; expected one of {', '.join(OUTPUTS)}")
    example = document.get("example")
    if example is not None:
        input_from_json(example, input_type, "example")
    return Manifest(
        framework=_text(document, "framework"),
        entry=entry,
        input_type=input_type,
        input_shape=_numbers(document, "input_shape", -1, MAX_JSON_DIMENSIONS),
        output=output,
        classes=_classes(document),
        function=function,
        example=example,
        requirements=_requirements(document),
        python=_text(document, "python"),
        versions=_versions(document),
        threads=_threads(document),
        batch_sizes=_batch_sizes(document),
        command=_command(document),
        description=_text(document, "description", ""),
    )


def _text(document: dict[str, Any], name: str, default: str | None = None) -> str:
    value = document.get(name, default)
    if not isinstance(value, str):
        raise _wrong(name, "missing" if name not in document else f"{str(value)[:80]!r}; expected a string")
    return value


def _requirements(document: dict[str, Any]) -> tuple[str, ...]:
    value = document.get("requirements", [])
    if not isinstance(value, list) or not all(isinstance(each, str) and _REQUIREMENT(each) for each in value):
        raise _wrong("requirements", "not a list of pip requirements such as 'numpy>=1.26'")
    if len(value) > MAX_REQUIREMENTS:
        raise _wrong("requirements", f"a list of {len(value)}; the limit is {MAX_REQUIREMENTS}")
    return tuple(value)


def _versions(document: dict[str, Any]) -> dict[str, str]:
    value = document.get("versions", {})
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise _wrong("versions", "not an object of package name to version string")
    return value


def _numbers(document: dict[str, Any], name: str, least: int, most: int) -> tuple[int, ...]:
    value = document.get(name, [])
    if not isinstance(value, list) or not all(type(each) is int and each >= least for each in value):
        raise _wrong(name, f"{str(value)[:80]}; expected a list of integers of at least {least}")
    if len(value) > most:
        raise _wrong(name, f"a list of {len(value)}; the limit is {most}")
    return tuple(value)


def _threads(document: dict[str, Any]) -> int:
    value = document.get("threads", 1)
    if type(value) is not int or not 1 <= value <= MAX_THREADS:
        raise _wrong("threads", f"{str(value)[:80]}; expected a number from 1 to {MAX_THREADS}")
    return value


def _batch_sizes(document: dict[str, Any]) -> tuple[int, ...]:
    sizes = _numbers(document, "batch_sizes", 1, MAX_BATCH_BUCKETS)
    if list(sizes) != sorted(set(sizes)):
        raise _wrong("batch_sizes", f"{list(sizes)}; expected growing sizes")
    return sizes


def _classes(document: dict[str, Any]) -> tuple[ClassLabel, ...]:
    value = document.get("classes", [])
    if not isinstance(value, list) or not all(isinstance(each, str | int | float) for each in value):
        raise _wrong("classes", "not a list of texts and numbers")
    if len(value) > MAX_CLASSES:
        raise _wrong("classes", f"a list of {len(value)}; the limit is {MAX_CLASSES}")
    return tuple(value)


def _command(document: dict[str, Any]) -> tuple[str, ...]:
    value = document.get("command", [])
    if not isinstance(value, list) or not all(isinstance(each, str) and each and "\0" not in each for each in value):
        raise _wrong("command", "not a list of a program and its arguments")
    if (document.get("framework") == COMMAND) != bool(value):
        raise _wrong("command", f"{value}; expected a program if the framework is {COMMAND!r}, else nothing")
    return tuple(value)


def _wrong(name: str, found: str) -> ClipperError:
    return invalid(f"Invalid {MANIFEST_NAME}: field {name!r} is {found}")
