"""How the registry lies in the store: one key for each thing that exists, all under `registry/`.

    registry/revision                              a number, one more with every change
    registry/application/NAME                      Application
    registry/model/NAME/VERSION                    Model
    registry/current/NAME                          the current version of a model
    registry/replica/NAME/VERSION/ID               Replica, while it runs
    registry/last_replica/NAME/VERSION             the highest replica id ever given out

Names have no `/` (see `clipper.core.names`). Values are JSON; a field that a reader does not know is ignored.
"""

from collections.abc import Iterable

import msgspec

from clipper.core.errors import ClipperError, ErrorCode
from clipper.registry.entities import Application, Model, Replica, Snapshot

PREFIX = b"registry/"
REVISION = PREFIX + b"revision"

_REPLICA_DIGITS = 10  # zero-padded, so that the order of keys is the order of ids

encode = msgspec.json.Encoder().encode


def application_key(name: str) -> bytes:
    """Where an application is kept."""
    return b"%sapplication/%s" % (PREFIX, name.encode())


def model_key(name: str, version: str) -> bytes:
    """Where a model version is kept."""
    return b"%smodel/%s/%s" % (PREFIX, name.encode(), version.encode())


def current_key(name: str) -> bytes:
    """Where the current version of a model is kept."""
    return b"%scurrent/%s" % (PREFIX, name.encode())


def replica_key(name: str, version: str, replica_id: int) -> bytes:
    """Where a replica is kept."""
    return b"%sreplica/%s/%s/%0*d" % (PREFIX, name.encode(), version.encode(), _REPLICA_DIGITS, replica_id)


def last_replica_key(name: str, version: str) -> bytes:
    """Where the highest replica id of a version is kept."""
    return b"%slast_replica/%s/%s" % (PREFIX, name.encode(), version.encode())


def revision_of(value: bytes | None) -> int:
    """The revision that is kept as `value`; 0 before the first change."""
    return 0 if value is None else int(value)


def read_snapshot(records: Iterable[tuple[bytes, bytes]]) -> Snapshot:
    """Everything that exists, from all (key, value) under `PREFIX`.

    Raises:
        ClipperError: STORE_FAILED if a record cannot be read; it names the key.
    """
    reader = _Reader()
    for key, value in records:
        try:
            reader.read(key.decode().split("/"), value)
        except (ValueError, msgspec.DecodeError) as error:
            raise ClipperError(
                ErrorCode.STORE_FAILED,
                f"The registry's record {key!r} cannot be read: {error}; a newer Clipper may have written it",
            ) from error
    return Snapshot(
        revision=reader.revision,
        applications=reader.applications,
        models=reader.models,
        current=reader.current,
        replicas=reader.replicas,
        last_replica_ids=reader.last_replica_ids,
    )


class _Reader:
    def __init__(self) -> None:
        self.revision = 0
        self.applications: dict[str, Application] = {}
        self.models: dict[tuple[str, str], Model] = {}
        self.current: dict[str, str] = {}
        self.replicas: dict[tuple[str, str, int], Replica] = {}
        self.last_replica_ids: dict[tuple[str, str], int] = {}

    def read(self, path: list[str], value: bytes) -> None:
        match path:
            case [_, "application", name]:
                self.applications[name] = _APPLICATION.decode(value)
            case [_, "model", name, version]:
                self.models[name, version] = _MODEL.decode(value)
            case [_, "current", name]:
                self.current[name] = value.decode()
            case [_, "replica", name, version, replica_id]:
                self.replicas[name, version, int(replica_id)] = _REPLICA.decode(value)
            case [_, "last_replica", name, version]:
                self.last_replica_ids[name, version] = int(value)
            case [_, "revision"]:
                self.revision = revision_of(value)
            case _:
                raise ValueError("its kind is unknown")


_APPLICATION: msgspec.json.Decoder[Application] = msgspec.json.Decoder(Application)
_MODEL: msgspec.json.Decoder[Model] = msgspec.json.Decoder(Model)
_REPLICA: msgspec.json.Decoder[Replica] = msgspec.json.Decoder(Replica)
