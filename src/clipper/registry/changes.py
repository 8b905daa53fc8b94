"""Every change of what exists, as a pure function: (snapshot, what is wanted) → the transaction that does it.

Owns the invariants. Each function refuses, with a `ClipperError`, what would break one:

1. Names and versions are DNS-1123 labels; an application's is not one of the frontend's own path segments.
2. A link names a model that has at least one version, and is there once.
3. Every version of a linked model has the input type of each application it is linked to, since a query may ask
   for any version.
4. A current version exists, and so does a version's previous one. Whoever follows `previous` comes to an end.
5. A replica is made for a version that exists, under an id that was never used before for it.
6. Settings are within their bounds (see `tuning`), and those of one thing fit each other.

A transaction expects the revision of the snapshot it was made from and leaves the next one, so of two changes made
from one snapshot only the first is done.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from clipper.core.errors import ClipperError, ErrorCode, invalid
from clipper.core.names import RESERVED_APPLICATION_NAMES, check_name
from clipper.registry.entities import Application, Model, Replica, Snapshot
from clipper.registry.records import (
    REVISION,
    application_key,
    current_key,
    encode,
    last_replica_key,
    model_key,
    replica_key,
)
from clipper.registry.tuning import ApplicationChange, ModelChange, check_application_settings, check_model_settings
from clipper.store import Transaction

MAX_REPLICAS = 1024
"""Of one version: far above what a cluster of a few machines can run, far below what a slip of the finger asks for."""


def add_application(snapshot: Snapshot, application: Application) -> Transaction:
    """Add a new application, with the links it names."""
    name = check_name("application name", application.name)
    if name in RESERVED_APPLICATION_NAMES:
        raise invalid(f"Invalid application name {name!r}: the query frontend answers that path itself; choose another")
    check_application_settings(application)
    if name in snapshot.applications:
        raise ClipperError(ErrorCode.ALREADY_EXISTS, f"application '{name}' already exists")
    unlinked = replace(application, models=())
    return _put_application(snapshot, _linked(snapshot, unlinked, application.models))


def set_application(snapshot: Snapshot, name: str, change: ApplicationChange) -> Transaction:
    """Change settings of an application, all at once."""
    changed = change.applied_to(_application(snapshot, name))
    check_application_settings(changed)
    return _put_application(snapshot, changed)


def delete_application(snapshot: Snapshot, name: str) -> Transaction:
    """Remove an application and its links; the models stay."""
    _application(snapshot, name)
    return _transaction(snapshot, delete=[application_key(name)])


def link_models(snapshot: Snapshot, application: str, models: Sequence[str]) -> Transaction:
    """Link more models to an application, after those it has."""
    if not models:
        raise invalid("Invalid model_names []: expected the name of at least one model")
    return _put_application(snapshot, _linked(snapshot, _application(snapshot, application), models))


def unlink_models(snapshot: Snapshot, application: str, models: Sequence[str]) -> Transaction:
    """Remove the links to `models`; the others keep their order."""
    linked = _application(snapshot, application)
    for model in models:
        if model not in linked.models:
            raise ClipperError(ErrorCode.NOT_FOUND, f"A model with name {model} is not linked to '{application}'.")
    kept = tuple(model for model in linked.models if model not in models)
    return _put_application(snapshot, replace(linked, models=kept))


def relink_models(snapshot: Snapshot, application: str, models: Sequence[str]) -> Transaction:
    """Replace all links of an application by `models`, in that order; it may be empty."""
    unlinked = replace(_application(snapshot, application), models=())
    return _put_application(snapshot, _linked(snapshot, unlinked, models))


def add_model(snapshot: Snapshot, model: Model, *, make_current: bool = False) -> Transaction:
    """Add a new version of a model, current at once or not yet."""
    name, version = check_name("model name", model.name), check_name("model version", model.version)
    check_model_settings(model)
    if model.replicas:
        _check_replicas(model, model.replicas)
    if (name, version) in snapshot.models:
        raise ClipperError(
            ErrorCode.ALREADY_EXISTS,
            f"model '{name}' with version '{version}' already exists; choose another version",
        )
    for application in snapshot.applications.values():
        if name in application.models:
            _check_input_type(model, application)
    new = replace(model, previous="")
    put = {model_key(name, version): encode(new)}
    if make_current:
        put |= _made_current(snapshot, new)
    return _transaction(snapshot, put)


def delete_model_version(snapshot: Snapshot, name: str, version: str) -> Transaction:
    """Remove one version that no application depends on; a roll-back that would go to it goes further back.

    Its replicas' records stay until they have ended.
    """
    deleted = _model(snapshot, name, version)
    is_current = snapshot.current.get(name) == version
    is_last = _versions(snapshot, name) == [version]
    if is_current or is_last:
        what = "current" if is_current else "only"
        _refuse_if_linked(snapshot, name, f"Version '{version}' is the {what} version of model '{name}'")
    delete = [model_key(name, version), last_replica_key(name, version)]
    if is_current:
        delete.append(current_key(name))
    heirs = [each for each in snapshot.models.values() if (each.name, each.previous) == (name, version)]
    put = {model_key(name, each.version): encode(replace(each, previous=deleted.previous)) for each in heirs}
    return _transaction(snapshot, put, delete)


def delete_model(snapshot: Snapshot, name: str) -> Transaction:
    """Remove every version of a model that is linked to no application."""
    versions = _versions(snapshot, name)
    _refuse_if_linked(snapshot, name, f"Model '{name}' is in use")
    delete = [current_key(name)]
    for version in versions:
        delete += [model_key(name, version), last_replica_key(name, version)]
    return _transaction(snapshot, delete=delete)


def set_current_version(snapshot: Snapshot, name: str, version: str) -> Transaction:
    """Make a registered version the one that answers queries."""
    return _transaction(snapshot, _made_current(snapshot, _model(snapshot, name, version)))


def set_model(snapshot: Snapshot, name: str, version: str, change: ModelChange) -> Transaction:
    """Change settings of a version, all at once."""
    changed = change.applied_to(_model(snapshot, name, version))
    check_model_settings(changed)
    return _transaction(snapshot, {model_key(name, version): encode(changed)})


def set_replicas(snapshot: Snapshot, name: str, version: str, replicas: int) -> Transaction:
    """Say how many replicas of a version should run."""
    model = _model(snapshot, name, version)
    _check_replicas(model, replicas)
    return _transaction(snapshot, {model_key(name, version): encode(replace(model, replicas=replicas))})


def put_replica(snapshot: Snapshot, replica: Replica) -> Transaction:
    """Record a replica as it is now: a new one, with `Snapshot.next_replica_id`, or one that is recorded."""
    name, version, replica_id = replica.model, replica.version, replica.replica_id
    put: dict[bytes, bytes] = {}
    if (name, version, replica_id) not in snapshot.replicas:
        _model(snapshot, name, version)
        following = snapshot.next_replica_id(name, version)
        if replica_id < following:
            raise ClipperError(
                ErrorCode.CONFLICT,
                f"Replica id {replica_id} of '{name}:{version}' was used before: expected at least {following}",
            )
        put[last_replica_key(name, version)] = b"%d" % replica_id
    put[replica_key(name, version, replica_id)] = encode(replica)
    return _transaction(snapshot, put)


def delete_replica(snapshot: Snapshot, name: str, version: str, replica_id: int) -> Transaction:
    """Forget a replica that has ended; one that is not recorded is no error."""
    if (name, version, replica_id) not in snapshot.replicas:
        return Transaction()
    return _transaction(snapshot, delete=[replica_key(name, version, replica_id)])


def _made_current(snapshot: Snapshot, model: Model) -> dict[bytes, bytes]:
    """What is kept when `model` becomes current. It follows the version that was, unless this one leads back to it."""
    put = {current_key(model.name): model.version.encode()}
    before = snapshot.current.get(model.name, "")
    if before and before != model.version and model.version not in _history(snapshot, model.name, before):
        put[model_key(model.name, model.version)] = encode(replace(model, previous=before))
    return put


def _history(snapshot: Snapshot, name: str, version: str) -> set[str]:
    """The versions to which roll-backs from `version` lead."""
    found: set[str] = set()
    model = snapshot.models.get((name, version))
    while model is not None and model.previous and model.previous not in found:
        found.add(model.previous)
        model = snapshot.models.get((name, model.previous))
    return found


def _linked(snapshot: Snapshot, application: Application, models: Iterable[str]) -> Application:
    """`application` with links to `models` after those it has."""
    linked = list(application.models)
    for model in models:
        versions = _versions(snapshot, model)
        if model in linked:
            raise ClipperError(
                ErrorCode.ALREADY_EXISTS, f"A model with name {model} is already linked to '{application.name}'."
            )
        for version in versions:
            _check_input_type(snapshot.models[model, version], application)
        linked.append(model)
    return replace(application, models=tuple(linked))


def _check_input_type(model: Model, application: Application) -> None:
    if model.input_type != application.input_type:
        raise ClipperError(
            ErrorCode.CONFLICT,
            f"Model '{model.name}' version '{model.version}' has input type '{model.input_type}' but application "
            f"'{application.name}' has '{application.input_type}': a linked model must have the application's input "
            "type in all its versions",
        )


def _check_replicas(model: Model, replicas: int) -> None:
    if model.bundle is None:
        raise invalid(
            f"'{model.name}:{model.version}' is a containerless model: its containers are started by hand, "
            "expected a model deployed with a bundle"
        )
    if not 0 <= replicas <= MAX_REPLICAS:
        raise invalid(
            f"Invalid number of replicas {replicas} of '{model.name}:{model.version}': expected 0 to {MAX_REPLICAS}"
        )


def _refuse_if_linked(snapshot: Snapshot, model: str, because: str) -> None:
    linking = [each.name for each in snapshot.applications.values() if model in each.models]
    if linking:
        names = ", ".join(f"'{name}'" for name in linking)
        raise ClipperError(
            ErrorCode.CONFLICT,
            f"{because}, which is linked to {names}: unlink it or make another version current first",
        )


def _application(snapshot: Snapshot, name: str) -> Application:
    found = snapshot.applications.get(name)
    if found is None:
        raise ClipperError(ErrorCode.NOT_FOUND, f"No application with name '{name}' exists.")
    return found


def _versions(snapshot: Snapshot, name: str) -> list[str]:
    """The versions of a model, at least one."""
    found = [version for model, version in snapshot.models if model == name]
    if not found:
        raise ClipperError(ErrorCode.NOT_FOUND, f"No model with name '{name}' exists.")
    return found


def _model(snapshot: Snapshot, name: str, version: str) -> Model:
    versions = _versions(snapshot, name)
    if version not in versions:
        raise ClipperError(
            ErrorCode.NOT_FOUND,
            f"No model with name '{name}' and version '{version}' exists. Its versions: {', '.join(versions)}",
        )
    return snapshot.models[name, version]


def _put_application(snapshot: Snapshot, application: Application) -> Transaction:
    return _transaction(snapshot, {application_key(application.name): encode(application)})


def _transaction(
    snapshot: Snapshot, put: dict[bytes, bytes] | None = None, delete: Iterable[bytes] = ()
) -> Transaction:
    revision = b"%d" % snapshot.revision if snapshot.revision else None
    following = {REVISION: b"%d" % (snapshot.revision + 1)}
    return Transaction(put=following | (put or {}), delete=set(delete), expect={REVISION: revision})
