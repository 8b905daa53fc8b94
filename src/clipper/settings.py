"""Composes the frozen config dataclass of each layer from TOML, environment and flags; an unknown key is an error.

A flag wins over the environment, the environment over `<home>/clipper.toml`, the file over the default. To give a layer
settings, add one field to `ServeSettings` whose type is that layer's dataclass: it becomes the table `[field]` of the
file and the variables `CLIPPER_FIELD_…`. The only module of the package that reads the environment.
"""

import dataclasses
import difflib
import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_type_hints

import msgspec

from clipper.abstraction.cache import CacheConfig
from clipper.abstraction.link import LinkConfig
from clipper.abstraction.queue import QueueConfig
from clipper.core.errors import ClipperError, invalid
from clipper.engine.journal import JournalConfig
from clipper.frontend.config import FrontendConfig
from clipper.management import ManagementConfig
from clipper.store.config import StoreConfig

FILE_NAME = "clipper.toml"
PREFIX = "CLIPPER_"
DEFAULT_HOME = "~/.clipper"

T = TypeVar("T")

OTHER_VARIABLES = frozenset({"CLIPPER_CONTAINER_TOKEN"})
"""Variables with our prefix that are not settings: what a server hands to the processes it starts."""

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose a free one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """Everything `clipper serve` can be told.

    Attributes:
        home: the folder that holds all state.
        host: the address both ports listen on.
        query_port: where applications send queries; 0 chooses a free port.
        admin_port: where operators send changes; 0 chooses a free port.
        frontends: how many query frontends share the query port.
        admin_auth: "token" asks a bearer token for every change; "none" does not, and is for loopback only.
        batching: none, aimd, quantile or deadline: how batches are sized where neither model nor application says.
        store: the embedded store, and where selection states are kept.
        cache: the prediction cache of each frontend.
        queue: the queues in front of the models.
        link: the connections from a frontend to containers.
        journal: the newest queries, kept for feedback.
        frontend: limits of the query REST interface.
        management: limits and waits of the controller.
    """

    home: Path
    host: str = "127.0.0.1"
    query_port: Port = 1337
    admin_port: Port = 1338
    frontends: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    admin_auth: Literal["token", "none"] = "token"
    batching: Literal["none", "aimd", "quantile", "deadline"] = "deadline"
    store: StoreConfig = field(default_factory=StoreConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    queue: QueueConfig = field(default_factory=QueueConfig)
    link: LinkConfig = field(default_factory=LinkConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    management: ManagementConfig = field(default_factory=ManagementConfig)

    def __post_init__(self) -> None:
        if self.admin_auth == "none" and not is_loopback(self.host):
            raise invalid(
                f"Invalid admin_auth 'none' with host {self.host!r}: anybody on the network could deploy code. "
                "Use admin_auth 'token', or host 127.0.0.1"
            )


class Setting(NamedTuple):
    """One setting as it was resolved: its dotted name, its value, and where that came from."""

    name: str
    value: object
    source: str


def default_home() -> Path:
    """The home folder when none is named: `CLIPPER_HOME`, else `~/.clipper`."""
    return Path(os.environ.get("CLIPPER_HOME") or DEFAULT_HOME).expanduser().absolute()


def process_environment() -> dict[str, str]:
    """The variables that containers and environment builds inherit."""
    return dict(os.environ)


def is_loopback(host: str) -> bool:
    """Whether `host` can only be reached from this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(flags: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> ServeSettings:
    """The settings of a server.

    Args:
        flags: by dotted name (`query_port`, `store.group_limit`); None means not given.
        environment: the process's own by default.

    Raises:
        ClipperError: INVALID_ARGUMENT naming the setting and where it was found.
    """
    return _compose(ServeSettings, "", _resolve(flags, _environment(environment)))


def explain(flags: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> list[Setting]:
    """Every setting of a server with its value and its source; arguments and errors as `load`."""
    resolved = _resolve(flags, _environment(environment))
    _compose(ServeSettings, "", resolved)
    return list(resolved.values())


def _environment(given: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if given is None else given


def _resolve(flags: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Setting]:
    """Every setting by dotted name, the strongest source winning."""
    known = dict(_fields(ServeSettings))
    _refuse_unknown(flags, set(known), "flags")
    resolved = {name: Setting(name, default, "default") for name, (_, default) in known.items()}
    home = flags.get("home") or environment.get("CLIPPER_HOME") or DEFAULT_HOME
    file = Path(home).expanduser().absolute() / FILE_NAME
    variables = {_variable(name): name for name in known}
    for name, value in _read_file(file, set(known)).items():
        resolved[name] = Setting(name, _convert(name, value, known[name][0], str(file)), str(file))
    for variable, text in _ours(environment, set(variables)).items():
        name = variables[variable]
        resolved[name] = Setting(name, _convert(name, text, known[name][0], variable), variable)
    for name, value in flags.items():
        if value is not None:
            resolved[name] = Setting(name, _convert(name, value, known[name][0], "flag"), "flag")
    source = resolved["home"].source
    resolved["home"] = Setting("home", file.parent, source)
    return resolved


def _fields(cls: Any, prefix: str = "") -> Iterator[tuple[str, tuple[Any, object]]]:
    """(dotted name, (type, default)) of every setting below a config dataclass."""
    hints = get_type_hints(cls, include_extras=True)
    for each in dataclasses.fields(cls):
        hint, name = hints[each.name], prefix + each.name
        if dataclasses.is_dataclass(hint):
            yield from _fields(hint, name + ".")
        else:
            default = each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
            yield name, (hint, default)


def _read_file(path: Path, known: set[str]) -> dict[str, Any]:
    """The settings of a TOML file by dotted name; none if there is no file."""
    try:
        tables = msgspec.toml.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise invalid(f"Cannot read {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"{path} is not valid TOML: {error}") from None
    found = dict(_flatten(tables, "", known, path))
    if "home" in found:
        raise invalid(f"Unknown setting 'home' in {path}: it is the folder of this file; use --home or CLIPPER_HOME")
    sections = {name.rpartition(".")[0] for name in known} - {""}
    _refuse_unknown(found, known | sections, str(path))
    return found


def _flatten(table: Mapping[str, Any], prefix: str, known: set[str], path: Path) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every key of a TOML table and of the tables in it that are sections."""
    for key, value in table.items():
        name = prefix + key
        if not any(each.startswith(name + ".") for each in known):
            yield name, value
        elif isinstance(value, dict):
            yield from _flatten(value, name + ".", known, path)
        else:
            raise invalid(f"Invalid setting {name!r} in {path}: expected a table [{name}]")


def _ours(environment: Mapping[str, str], known: set[str]) -> dict[str, str]:
    """The variables of the environment that are settings; one with our prefix that is none is an error."""
    found = {
        name: text
        for name, text in environment.items()
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES and text
    }
    _refuse_unknown(found, known, "the environment")
    return found


def _refuse_unknown(found: Mapping[str, Any], known: set[str], source: str) -> None:
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)
            raise invalid(f"Unknown setting {name!r} in {source}: the nearest known one is {near[0]!r}")


def _convert(name: str, value: object, hint: Any, source: str) -> object:
    """`value` as the type `hint`; text from the environment also as the number or truth value it spells."""
    try:
        return msgspec.convert(value, hint, strict=not source.startswith(PREFIX), dec_hook=as_path)
    except msgspec.ValidationError as error:
        raise invalid(f"Invalid setting {name!r} ({source}): {error}; got {value!r}") from None


def as_path(cls: type, value: object) -> object:
    """How msgspec decodes the one type of a setting that it does not know."""
    if cls is Path and isinstance(value, str | Path):
        return Path(value).expanduser().absolute()
    raise NotImplementedError(f"no setting can have the type {cls.__name__}")


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "_").upper()


def _compose(cls: type[T], prefix: str, resolved: Mapping[str, Setting]) -> T:
    """An instance of a config dataclass from the resolved settings below `prefix`."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {
        each.name: _compose(hints[each.name], f"{prefix}{each.name}.", resolved)
        if dataclasses.is_dataclass(hints[each.name])
        else resolved[prefix + each.name].value
        for each in dataclasses.fields(cls)  # type: ignore[arg-type]
    }
    try:
        return cls(**values)
    except ClipperError:
        raise
    except ValueError as error:
        raise invalid(f"Invalid settings{' in ' + prefix.rstrip('.') if prefix else ''}: {error}") from error
