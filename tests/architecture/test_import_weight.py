"""A model container starts fast and shares its process with nothing of the server; `import clipper` loads nothing."""

import subprocess
import sys

import pytest

SERVER_PARTS = (
    "clipper.client",
    "clipper.engine",
    "clipper.store",
    "httptools",
    "lmdb",
    "prometheus_client",
    "redis",
    "rich",
    "starlette",
    "typer",
    "uvicorn",
    "uvloop",
)
FRAMEWORKS = ("joblib", "sklearn", "skops")

IMPORT_EVERY_MODULE = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sys.modules)
"""
IMPORT_PACKAGE = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules)"


def loaded_by(program: str, package: str) -> set[str]:
    """The modules in a fresh interpreter after `program` has imported `package`."""
    command = [sys.executable, "-W", "error", "-c", program, package]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split())


@pytest.fixture(scope="module")
def container_modules() -> set[str]:
    return loaded_by(IMPORT_EVERY_MODULE, "clipper.container")


@pytest.mark.parametrize("name", SERVER_PARTS)
def test_container_does_not_load_the_server(container_modules: set[str], name: str) -> None:
    assert name not in container_modules


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_container_loads_a_framework_only_for_a_model_that_needs_it(container_modules: set[str], name: str) -> None:
    assert name not in container_modules


def test_server_starts_its_processes_before_it_loads_numpy() -> None:
    assert "numpy" not in loaded_by(IMPORT_PACKAGE, "clipper.server.root")


def test_root_package_is_a_lazy_facade() -> None:
    loaded = loaded_by(IMPORT_PACKAGE, "clipper")
    assert {name for name in loaded if name.startswith("clipper")} == {"clipper"}
