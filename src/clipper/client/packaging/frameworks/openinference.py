"""Models that another server runs and that are named by their address: http://HOST:PORT/v2/models/NAME."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from clipper.client.packaging.frameworks import Artifact

_ENTRY = "remote.json"


def recognise(model: object) -> Artifact | None:
    """The URL of a model of the Open Inference Protocol, `/versions/V` included or not, or a JSON file that holds it as
    `url`, with `timeout_s` for one batch if it is not to be the usual one.
    """
    if isinstance(model, Path):
        return _from_file(model)
    if not isinstance(model, str) or not _is_address(model):
        return None
    return _artifact(json.dumps({"url": model}).encode())


def _from_file(path: Path) -> Artifact | None:
    if path.suffix != ".json" or not path.is_file():
        return None
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        return None
    return _artifact(path) if isinstance(document, dict) and _is_address(str(document.get("url"))) else None


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and "/v2/models/" in parts.path


def _artifact(content: bytes | Path) -> Artifact:
    return Artifact(framework="openinference", entry=_ENTRY, files={_ENTRY: content})
