"""What requests carry, as types; decoded within limits, refused with the field and what was expected of it."""

import asyncio
import typing
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.management.admin.errors import BodyTimeout
from clipper.management.config import AdminConfig
from clipper.registry.entities import ADAPTIVE_BATCH_SIZE

MAX_SLO_MICROS = 24 * 3600 * 1_000_000
"""A day: an objective beyond it is a slip of the unit."""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object. An unknown field is refused: it is a misspelt one."""


class AddApplication(Body, frozen=True, forbid_unknown_fields=True):
    """`/admin/add_app`."""

    name: str
    input_type: str
    default_output: str
    latency_slo_micros: Annotated[int, msgspec.Meta(ge=1, le=MAX_SLO_MICROS)]
    policy: str | None = None
    policy_config: dict[str, Any] = {}
    priority: int = 0
    cache: bool = True
    cache_ttl_s: float = 0.0
    max_disagreement: float = 0.0
    batching: str = ""
    confidence_threshold: float = 0.0


class SetApplication(Body, frozen=True, forbid_unknown_fields=True):
    """`/admin/set_app`: what is there is changed."""

    name: str
    policy: str | None = None
    policy_config: dict[str, Any] | None = None
    priority: int | None = None
    cache: bool | None = None
    cache_ttl_s: float | None = None
    max_disagreement: float | None = None
    batching: str | None = None
    confidence_threshold: float | None = None


class ApplicationName(Body, frozen=True, forbid_unknown_fields=True):
    """Which application."""

    name: str


class LinkedApplication(Body, frozen=True, forbid_unknown_fields=True):
    """Which application's links."""

    app_name: str


class Links(Body, frozen=True, forbid_unknown_fields=True):
    """An application and models."""

    app_name: str
    model_names: list[str]


class AddModel(Body, frozen=True, forbid_unknown_fields=True):
    """`/admin/add_model`: a version whose containers are started by hand."""

    model_name: str
    model_version: str
    input_type: str
    labels: list[str] = []
    container_name: str = ""
    model_data_path: str = ""
    batch_size: int = ADAPTIVE_BATCH_SIZE
    batching: str = ""
    batch_delay_ms: float = 0.0


class SetModel(Body, frozen=True, forbid_unknown_fields=True):
    """`/admin/set_model`: what is there is changed."""

    model_name: str
    model_version: str | None = None
    batch_size: int | None = None
    batching: str | None = None
    batch_delay_ms: float | None = None


class ModelName(Body, frozen=True, forbid_unknown_fields=True):
    """Which model, all versions."""

    model_name: str


class ModelVersion(Body, frozen=True, forbid_unknown_fields=True):
    """Which version of a model."""

    model_name: str
    model_version: str


class Container(Body, frozen=True, forbid_unknown_fields=True):
    """Which replica of a version."""

    model_name: str
    model_version: str
    replica_id: int


class SelectionState(Body, frozen=True, forbid_unknown_fields=True):
    """`/admin/get_state`: whose state of which application."""

    app_name: str
    uid: int = 0


class StateOwner(Body, frozen=True, forbid_unknown_fields=True):
    """Of which application what was learned, and for which context; None: of all."""

    app_name: str
    context: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None


class Nothing(Body, frozen=True, forbid_unknown_fields=True):
    """For what needs no telling."""


class Verbose(Body, frozen=True, forbid_unknown_fields=True):
    """Names only, or everything."""

    verbose: bool = False


class NumReplicas(Body, frozen=True, forbid_unknown_fields=True):
    """`/admin/set_num_replicas`."""

    model_name: str
    num_replicas: int
    model_version: str | None = None


class Logs(Body, frozen=True, forbid_unknown_fields=True):
    """`/admin/get_logs`."""

    model_name: str
    model_version: str | None = None
    replica_id: int | None = None
    lines: int = 1000


class DeployQuery(Body, frozen=True, forbid_unknown_fields=True):
    """The query string of `/admin/deploy`."""

    model_name: str
    model_version: str
    replicas: int = 1
    batch_size: int = ADAPTIVE_BATCH_SIZE
    labels: str = ""
    app_name: str | None = None
    batching: str = ""
    batch_delay_ms: float = 0.0


B = TypeVar("B", bound=Body)


async def read_json(request: Request, kind: type[B], config: AdminConfig) -> B:
    """The body of a request as `kind`. Raises TOO_LARGE, TIMEOUT or INVALID_ARGUMENT with the schema."""
    content = await _read(request, config)
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(str(error), kind) from None


def parse_query(query: Mapping[str, str], kind: type[B]) -> B:
    """A query string as `kind`. Raises INVALID_ARGUMENT with the schema."""
    try:
        return msgspec.convert(dict(query), kind, strict=False)
    except msgspec.ValidationError as error:
        raise _unreadable(str(error), kind) from None


async def upload_of(request: Request, config: AdminConfig) -> AsyncIterator[bytes]:
    """The body of a request piece by piece. Raises TIMEOUT if it stalls, UNAVAILABLE if the client leaves."""
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(config.upload_stall_s):
                chunk = await anext(stream, None)
        except ClientDisconnect:
            raise ClipperError(ErrorCode.UNAVAILABLE, "The client left before its upload was complete") from None
        except TimeoutError:
            raise BodyTimeout(f"The upload paused for more than {config.upload_stall_s:g} s: send it again") from None
        if chunk is None:
            return
        yield chunk


async def _read(request: Request, config: AdminConfig) -> bytes:
    content = bytearray()
    try:
        async with asyncio.timeout(config.body_timeout_s):
            async for chunk in request.stream():
                content += chunk
                if len(content) > config.max_body_bytes:
                    raise ClipperError(
                        ErrorCode.TOO_LARGE,
                        f"The body has more than {config.max_body_bytes} bytes, the limit for JSON",
                    )
    except ClientDisconnect:
        raise ClipperError(ErrorCode.UNAVAILABLE, "The client left before its body was complete") from None
    except TimeoutError:
        raise BodyTimeout(f"The body did not arrive within {config.body_timeout_s:g} s") from None
    return bytes(content)


def _unreadable(why: str, kind: type[Body]) -> ClipperError:
    return invalid(f"Error parsing JSON: {why}. Expected JSON schema: {_schema(kind)}")


def _schema(kind: type[Body]) -> str:
    """`{"name": str, "verbose": bool (optional)}`."""
    hints = typing.get_type_hints(kind)
    fields = [
        f'"{each.name}": {_name(hints[each.name])}{"" if each.required else " (optional)"}'
        for each in msgspec.structs.fields(kind)
    ]
    return "{" + ", ".join(fields) + "}"


def _name(hint: Any) -> str:
    """A type in the words of JSON."""
    return _NAMES.get(hint, str(hint))


_NAMES: dict[Any, str] = {
    str: "string",
    int: "int",
    bool: "bool",
    float: "number",
    list[str]: "[string]",
    dict[str, Any]: "object",
    dict[str, Any] | None: "object",
    str | None: "string",
    int | None: "int",
    bool | None: "bool",
    float | None: "number",
}
