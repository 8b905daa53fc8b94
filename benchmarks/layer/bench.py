"""What every case is given besides: trained models and ready-made bodies."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import Bench
from benchmarks.bodies import BINARY, JSON, Shot, json_bodies, raw_bodies, write_bodies
from benchmarks.cases import RequestFormat
from benchmarks.environment import python_for, run
from benchmarks.layer import models
from benchmarks.layer.digits import Rows
from benchmarks.layer.server import PATH, RAW_PATH
from benchmarks.peers.target import REPOSITORY

BODIES = 2000  # different images; the digits make every request different
BUILD = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('benchmarks.layer.convnet', run_name='__main__')"
)
RUNTIME = ("onnxruntime", "numpy")  # what the container of the convolutional network needs


@dataclass
class LayerBench(Bench):
    """One run of the cases of the model abstraction layer."""

    trained: dict[str, models.Estimator] = field(default_factory=dict)
    shots: dict[str, Shot] = field(default_factory=dict)

    def estimator(self, name: str) -> models.Estimator:
        """A scikit-learn model, trained at its first use."""
        if name not in self.trained:
            self.trained[name] = models.train(name, self.digits)
        return self.trained[name]

    def model(self, name: str) -> tuple[object, dict[str, Any]]:
        """What to deploy, and with which options. For the network: minutes of installing at the first time."""
        if name == models.NOOP:
            return models.NoOp(), {"example": [0.0] * self.digits.test.shape[1]}
        if name != models.CONVNET:
            return self.estimator(name), {}
        pinned = (Path(models.__file__).parents[1] / "requirements" / "convnet.txt").read_text().split()
        requirements = [line for line in pinned if line.partition("==")[0] in RUNTIME]
        return models.Onnx(self.convnet()), {"requirements": requirements, "example": self.digits.test[0].tolist()}

    def convnet(self) -> bytes:
        """The network's graph."""
        images, graph = self.folder / "images.npz", self.folder / "convnet.onnx"
        if not graph.exists():
            python = python_for("convnet", self.cache)
            np.savez(images, images=self.digits.train[:4000].astype(np.float32), labels=self.digits.labels[:4000])
            run([str(python), "-c", BUILD, str(REPOSITORY), str(images), str(graph)])
        return graph.read_bytes()

    def raw(self) -> Shot:
        """Images as raw doubles, every one different."""
        return self._shot("raw", lambda path: write_bodies(path, raw_bodies(self._asked())), RAW_PATH, BINARY)

    def json(self, path: str = PATH, request: RequestFormat | None = None) -> Shot:
        """The same as JSON, in the form somebody asks for."""
        form = request or RequestFormat(path)
        name = f"json{form.path}{form.prefix}".replace("/", "_")[:100]
        return self._shot(name, lambda file: write_bodies(file, json_bodies(self._asked(), form)), form.path, JSON)

    def sequence(self, name: str, rows: NDArray[np.generic], different: bool = False) -> Shot:
        """These rows as raw doubles, in this order."""
        bodies = raw_bodies(rows, different)
        return self._shot(name, lambda path: write_bodies(path, bodies), RAW_PATH, BINARY)

    def _asked(self) -> Rows:
        return np.resize(self.digits.test, (BODIES, self.digits.test.shape[1]))

    def _shot(self, name: str, write: Callable[[Path], Path], path: str, content_type: str) -> Shot:
        if name not in self.shots:
            self.shots[name] = Shot(path, content_type, write(self.folder / name))
        return self.shots[name]
