"""MLflow's model folders, deployed as they are: they name their own requirements and their own Python."""

import re
from pathlib import Path

from clipper.client.packaging.frameworks import Artifact, files_below

PACKAGES = ("mlflow", "mlflow-skinny", "numpy", "pandas")

_ENTRY = "model"
_PYTHON = re.compile(r"^python:\s*['\"]?(\d+\.\d+)", re.MULTILINE)
_OPTION_OR_COMMENT = ("-", "#")


def recognise(model: object) -> Artifact | None:
    """A folder with an `MLmodel` file that has the flavour `python_function`."""
    if not isinstance(model, Path) or not (model / "MLmodel").is_file():
        return None
    if "python_function:" not in (model / "MLmodel").read_text():
        return None
    return Artifact(
        framework="mlflow",
        entry=_ENTRY,
        files=files_below(model, _ENTRY),
        packages=PACKAGES,
        requirements=_requirements(model / "requirements.txt"),
        python=_python(model / "python_env.yaml"),
    )


def _requirements(path: Path) -> tuple[str, ...]:
    lines = path.read_text().splitlines() if path.is_file() else []
    return tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith(_OPTION_OR_COMMENT))


def _python(path: Path) -> str | None:
    found = _PYTHON.search(path.read_text()) if path.is_file() else None
    return None if found is None else found[1]
