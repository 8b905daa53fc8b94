"""A bundle: the folder in which a packaged model lies, and the manifest that says what it is.

Read by the container, written by the client, kept by the controller under its digest. Knows nothing of archives.
"""

import hashlib
import json
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

from clipper.core.errors import ClipperError, invalid
from clipper.core.inputs import InputType, parse_input_type
from clipper.core.json_inputs import input_from_json

FORMAT = 1
MANIFEST_NAME = "manifest.json"

MAX_MANIFEST_BYTES = 16 * 1024 * 1024
"""The example is the only large part: an image of 224x224x3 is 3 MB as JSON."""

MAX_REQUIREMENTS = 1000

MAX_PATH_BYTES = 255
"""Of a file inside a bundle: what every file system has room for, even in one name."""

_PATH_CHARACTERS = re.compile(r"[^\0-\x1f\\\ud800-\udfff]+").fullmatch
_REQUIREMENT = re.compile(r"[^-\s\0-\x1f][^\0-\x1f]*").fullmatch
"""One line, and never an option for pip."""

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bundle holds and what it needs.

    Attributes:
        framework: which loader: "python" or "sklearn".
        entry: the model's file, relative to the bundle; its suffix says the format.
        input_type: what one input is.
        output: "labels" (what the model predicts) or "raw" (its scores, where the framework has them).
        example: one input as the predict REST body carries it, or None.
        requirements: pip requirements; empty: run in the server's own environment.
        python: major.minor version of the Python that packaged it.
        versions: versions of the packages that matter, where it was packaged.
        description: a line for people.
        format: the version of this format.
    """

    framework: str
    entry: str
    input_type: InputType
    output: str = "labels"
    example: Any = None
    requirements: tuple[str, ...] = ()
    python: str = ".".join(platform.python_version_tuple()[:2])
    versions: Mapping[str, str] = field(default_factory=dict)
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
    if not (folder / manifest.entry).is_file():
        raise _wrong("entry", f"{manifest.entry!r}, which is not a file of the bundle")
    return manifest


def write_bundle(folder: Path, manifest: Manifest, files: Mapping[str, bytes | Path]) -> None:
    """Make `folder`, which must not exist, a bundle of `files`: relative path to content, or to the file to copy."""
    text = manifest_to_json(manifest)
    manifest_from_json(text)
    if manifest.entry not in files:
        raise _wrong("entry", f"{manifest.entry!r}, which is not among the files {sorted(files)}")
    folder.mkdir(parents=True)
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
    """Relative POSIX path and place of each file, in the order of the paths. Links are not part of a bundle."""
    return sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
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
    input_type = parse_input_type(_text(document, "input_type"))
    output = _text(document, "output", "labels")
    if output not in ("labels", "raw"):
        raise _wrong("output", f"{output!r}; expected 'labels' or 'raw'")
    example = document.get("example")
    if example is not None:
        input_from_json(example, input_type, "example")
    return Manifest(
        framework=_text(document, "framework"),
        entry=entry,
        input_type=input_type,
        output=output,
        example=example,
        requirements=_requirements(document),
        python=_text(document, "python"),
        versions=_versions(document),
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


def _wrong(name: str, found: str) -> ClipperError:
    return invalid(f"Invalid {MANIFEST_NAME}: field {name!r} is {found}")
