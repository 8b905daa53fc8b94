"""Functions and objects by value: what they need of the operator's own modules travels with them.

Installed packages are referred to by name, since the container has them or gets them from the requirements; a module
that is not installed is nowhere else, so its code is pickled. `__main__` is such a module.
"""

import inspect
import io
import site
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from clipper.core.errors import ClipperError, ErrorCode

OUR_PACKAGE = __name__.partition(".")[0]

_REGISTRY = threading.Lock()
"""Who changes what cloudpickle copies: it has one registry for the whole process, whichever thread packages."""


def dump_function(function: object, reference: Callable[[object], Any] | None = None) -> bytes:
    """`function`, or an object with methods, pickled with the code of the local modules it uses.

    Args:
        function: what to pickle.
        reference: for each object in it, what stands for it in the pickle, see `pickle.Pickler.persistent_id`.

    Raises:
        ClipperError: INVALID_ARGUMENT, with the traceback, if something it refers to cannot be pickled.
    """
    with _REGISTRY, _local_modules_by_value():
        try:
            buffer = io.BytesIO()
            _Pickler(buffer, reference).dump(function)
            return buffer.getvalue()
        except Exception as error:
            name = getattr(function, "__qualname__", type(function).__name__)
            raise ClipperError(
                ErrorCode.INVALID_ARGUMENT,
                f"Cannot package {name}: {type(error).__name__}: {error}. Something it refers to cannot be copied to "
                "another process, such as a lock, a connection or an open file: create it inside the function",
                traceback.format_exc(),
            ) from error


def has_local_code(estimator: object) -> bool:
    """Whether a scikit-learn estimator is made with classes or functions that are not installed anywhere."""
    parts = [estimator, *estimator.get_params(deep=True).values()]  # type: ignore[attr-defined]
    return any(is_local(module) for part in parts if (module := _module_of(part)) is not None)


def is_local(module: ModuleType) -> bool:
    """Whether a module is the operator's own code: a file outside of every place packages are installed to."""
    if module.__name__ == "__main__":
        return True
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.partition(".")[0] == OUR_PACKAGE:
        return False
    return not (file.startswith(_INSTALLED) or str(Path(file).resolve()).startswith(_INSTALLED))


def _installed_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple({f"{path}/" for folder in folders for path in (folder, Path(folder).resolve())})


_INSTALLED = _installed_folders()


def _module_of(part: object) -> ModuleType | None:
    kind = part if inspect.isroutine(part) or isinstance(part, type) else type(part)
    return sys.modules.get(getattr(kind, "__module__", None) or "")


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no type hints
    def __init__(self, stream: io.BytesIO, reference: Callable[[object], Any] | None) -> None:
        super().__init__(stream)
        self._reference = reference

    def persistent_id(self, each: object) -> Any:
        return None if self._reference is None else self._reference(each)


@contextmanager
def _local_modules_by_value() -> Iterator[None]:
    """Within the block cloudpickle copies the code of local modules; what the caller registered stays registered."""
    already = cloudpickle.list_registry_pickle_by_value()
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name not in already and getattr(module, "__name__", None) == name and is_local(module)
    ]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
