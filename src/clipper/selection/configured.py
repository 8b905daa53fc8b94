"""A policy's settings: a frozen struct, made from the application's `policy_config`."""

from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from clipper.core.errors import invalid

Settings = TypeVar("Settings", bound=msgspec.Struct)

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0.0)]
NotNegative: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0)]


def configured(kind: type[Settings], config: dict[str, Any]) -> Settings:
    """The settings in `config`; raises INVALID_ARGUMENT naming the field that is wrong and what was expected."""
    unknown = config.keys() - set(kind.__struct_fields__)
    if unknown:
        known = _listed(kind.__struct_fields__)
        raise invalid(f"Invalid policy_config: unknown field {_listed(sorted(unknown))}, expected any of {known}")
    try:
        return msgspec.convert(config, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        field = where.rstrip("`").lstrip(".") or "value"
        raise invalid(f"Invalid policy_config: field '{field}': {what[:1].lower()}{what[1:]}") from None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name[:80]}'" for name in names)
