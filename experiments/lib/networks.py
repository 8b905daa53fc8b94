"""Trained networks on CIFAR-10 by what they answered, and models that answer it again in a container."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.lib.data import CIFAR_ANSWERS, Data

Labels = NDArray[np.int64]

NETWORKS = ("resnet20", "resnet32", "resnet56", "pretrainedResnet", "pretrainedResnet_large_float")
CLASSES = 10


@dataclass(frozen=True)
class Answers:
    """What each model (a column) says of each image (a row)."""

    models: tuple[str, ...]
    said: Labels
    labels: Labels

    @property
    def errors(self) -> NDArray[np.float64]:
        """Of each model."""
        wrong: NDArray[np.float64] = (self.said != self.labels[:, None]).mean(axis=0)
        return wrong


class Recorded:
    """Answers of a network to images that are named by their number: the first of two integers.

    The second is the number of the query: from `broken[0]` until before `broken[1]` it answers by chance.
    """

    def __init__(self, answers: Labels, broken: tuple[int, int] = (0, 0), seed: int = 0) -> None:
        self.answers = answers
        self.by_chance = np.random.default_rng(seed).integers(0, CLASSES, max(1, broken[1]))
        self.broken = broken

    def predict_batch(self, inputs: Any) -> Any:
        images, queries = inputs[:, 0], inputs[:, 1]
        broken = (queries >= self.broken[0]) & (queries < self.broken[1])
        chance = self.by_chance[(queries + images) % len(self.by_chance)]
        return [int(each) for each in np.where(broken, chance, self.answers[images])]


def networks(data: Data) -> Answers:
    """Five of the eight networks, on all 10,000 test images. Raises Unavailable without the file."""
    with np.load(data.path(CIFAR_ANSWERS)) as file:
        names = [str(name) for name in file["names"]]
        said = file["pred"][:, [names.index(name) for name in NETWORKS]].astype(np.int64)
        return Answers(NETWORKS, said, file["label"].astype(np.int64))


def drawn(accuracies: tuple[float, ...], count: int) -> Answers:
    """Models of given accuracies whose mistakes are drawn one by one."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, count)
    wrong = (labels[:, None] + rng.integers(1, CLASSES, (count, len(accuracies)))) % CLASSES
    said = np.where(rng.random(wrong.shape) < accuracies, labels[:, None], wrong)
    return Answers(tuple(f"model {n + 1}" for n in range(len(accuracies))), said, labels)


class Network:
    """A graph in ONNX Runtime, on one thread, whose session lives in the container."""

    def __init__(self, graph: bytes) -> None:
        self.graph = graph
        self.session: Any = None

    def best(self, images: Any) -> list[int]:
        """The class of each image: channels, then lines, already scaled."""
        import onnxruntime

        if self.session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            self.session = onnxruntime.InferenceSession(self.graph, options, providers=["CPUExecutionProvider"])
        scores = self.session.run(None, {"x": images.astype(np.float32)})[0]
        return [int(best) for best in scores.argmax(axis=1)]


class Photos(Network):
    """A network that is shown JPEG files; for a container that has Pillow.

    Photos have the side that it wants, unless one is given. Colours from 0 to 1 have `mean` and `deviation`.
    """

    def __init__(
        self,
        graph: bytes,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        deviation: Sequence[float] = (0.229, 0.224, 0.225),
        side: int | None = None,
    ) -> None:
        super().__init__(graph)
        self.mean = mean
        self.deviation = deviation
        self.side = side

    def predict_batch(self, inputs: Any) -> list[int]:
        import io

        from PIL import Image  # type: ignore[import-not-found]

        photos = [Image.open(io.BytesIO(bytes(each))).convert("RGB") for each in inputs]
        if self.side is not None:
            photos = [each.resize((self.side, self.side), Image.Resampling.BICUBIC) for each in photos]
        pixels = np.stack([np.asarray(each) for each in photos]) / 255.0
        return self.best(((pixels - self.mean) / self.deviation).transpose(0, 3, 1, 2))


class Pixels(Network):
    """A network that is shown images as rows of numbers: channels, then lines, already scaled."""

    def __init__(self, graph: bytes, side: int) -> None:
        super().__init__(graph)
        self.side = side

    def predict_batch(self, inputs: Any) -> list[int]:
        return self.best(inputs.reshape(-1, 3, self.side, self.side))


LIVE_REQUIREMENTS = ("onnxruntime==1.32.0", "numpy==2.4.6", "pillow==13.0.0")
