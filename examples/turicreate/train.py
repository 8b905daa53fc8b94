"""Trains boosted trees with Turi Create and makes a bundle of them, with Python 3.8: python train.py FOLDER."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import turicreate

CONTAINER = Path(__file__).resolve().parents[2] / "containers" / "python-legacy" / "clipper_container.py"

FEATURES, CLASSES, ROWS = 64, 10, 1500
NAMES = [f"f{place}" for place in range(FEATURES)]


def frame(rows: Any) -> Any:
    return turicreate.SFrame({name: rows[:, place] for place, name in enumerate(NAMES)})


def train() -> Any:
    """Trees that say which of the first ten numbers of a row is the largest."""
    rows = np.random.RandomState(0).rand(ROWS, FEATURES)
    data = frame(rows)
    data["label"] = rows[:, :CLASSES].argmax(axis=1)
    return turicreate.boosted_trees_classifier.create(
        data, target="label", features=NAMES, max_iterations=20, validation_set=None, verbose=False
    )


def manifest() -> dict[str, Any]:
    """What the bundle says of itself: it runs in the environment that it was made in."""
    return {
        "format": 1,
        "framework": "command",
        "command": [sys.executable, CONTAINER.name, "model.py"],
        "entry": "trees.model",
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "input_type": "doubles",
        "input_shape": [FEATURES],
        "example": [0.5] * FEATURES,
    }


def main(folder: Path) -> None:
    bundle = folder / "bundle"
    bundle.mkdir()
    train().save(str(bundle / "trees.model"))
    for file in (Path(__file__).with_name("model.py"), CONTAINER):
        shutil.copy(str(file), str(bundle))
    (bundle / "manifest.json").write_text(json.dumps(manifest()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
