"""The records of a registry in a plain dict, so that changes are tested without a store."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec

from clipper.core.inputs import InputType
from clipper.registry.entities import Application, Model, Replica, ReplicaState, Snapshot
from clipper.registry.records import read_snapshot
from clipper.store import Transaction

P = ParamSpec("P")

Change = Callable[Concatenate[Snapshot, P], Transaction]


class World:
    """Holds the records and applies transactions to them."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}

    @property
    def snapshot(self) -> Snapshot:
        return read_snapshot(sorted(self.records.items()))

    def do(self, change: Change[P], *args: P.args, **kwargs: P.kwargs) -> None:
        assert self.apply(change(self.snapshot, *args, **kwargs))

    def apply(self, transaction: Transaction) -> bool:
        if any(self.records.get(key) != value for key, value in transaction.expect.items()):
            return False
        self.records.update(transaction.put)
        for key in transaction.delete:
            self.records.pop(key, None)
        return True


def application(
    name: str = "app", input_type: InputType = InputType.DOUBLES, models: tuple[str, ...] = ()
) -> Application:
    return Application(
        name=name, input_type=input_type, default_output="-1.0", latency_slo_micros=20_000, models=models
    )


def model(
    name: str = "m",
    version: str = "1",
    input_type: InputType = InputType.DOUBLES,
    bundle: str | None = "digest",
    replicas: int = 0,
    batch_size: int = -1,
) -> Model:
    return Model(
        name=name,
        version=version,
        input_type=input_type,
        bundle=bundle,
        replicas=replicas,
        batch_size=batch_size,
        labels=("a", "b"),
    )


def replica(
    name: str = "m", version: str = "1", replica_id: int = 0, state: ReplicaState = ReplicaState.STARTING
) -> Replica:
    return Replica(
        model=name,
        version=version,
        replica_id=replica_id,
        state=state,
        address="unix:/somewhere",
        token="0" * 64,
    )
