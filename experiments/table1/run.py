"""The paper's Table 1: which data, whether the files are whole, and whether a served model finds the labels right."""

import csv
import gzip
import io
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from benchmarks.layer import models
from benchmarks.layer.digits import load
from experiments.lib import statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.data import (
    ALL,
    AZURE_CODE,
    CIFAR_ANSWERS,
    CIFAR_IMAGES,
    MNIST,
    RATINGS,
    RESNET20,
    TIMIT,
    TWITTER,
    Data,
    DataSet,
    checksum,
)
from experiments.lib.finding import Finding, Measured, at_least, sheet
from experiments.lib.networks import LIVE_REQUIREMENTS, Photos
from experiments.lib.setting import Setting

PAPER = {
    MNIST.name: "70 K × 784, 10 classes",
    CIFAR_IMAGES.name: "60 K × 32×32×3, 10 classes",
    TIMIT.name: "6,300 utterances, 630 speakers, 8 dialects",
}
ASKED, QUICK_ASKED = 2000, 300
CLIENTS = 8  # threads that ask


def run(setting: Setting) -> Finding:
    """Sums, counts, and two models asked."""
    rows, whole = [], 0
    for each in ALL:
        there = setting.data.has(each)
        good = there and checksum(setting.data.path(each)) == each.sha256
        whole += good
        found = COUNTS[each](setting.data) if there and each in COUNTS else ""
        rows.append((each.name, found, PAPER.get(each.name, "–"), "whole" if good else "MISSING", each.licence))
    with cluster() as running:
        digits = _digits(running, setting)
        photos = _photos(running, setting)
    claims = [
        at_least("files whose sum is right", Measured(whole), len(ALL), "files"),
        at_least("MNIST, forest of 50 trees: right (published, of more: 0.97)", digits, 0.92),
        at_least("CIFAR-10, ResNet-20 on JPEG photos: right (published: 0.917; JPEG costs 10 points)", photos, 0.78),
    ]
    return Finding(
        "table1", claims, [sheet("Data sets", ("data set", "what is in it", "the paper's", "file", "licence"), rows)]
    )


def _digits(running: Cluster, setting: Setting) -> Measured:
    digits = load(setting.data.path(MNIST).parent)
    count = setting.choose(ASKED, QUICK_ASKED)
    with np.load(setting.data.path(MNIST)) as file:
        chosen = np.random.default_rng(0).permutation(len(file["y_test"]))[:count]
        images, labels = file["x_test"][chosen].reshape(count, -1) / 255.0, file["y_test"][chosen]
    running.client.deploy_model("forest", 1, models.train(models.FOREST, digits))
    running.application("digits", ["forest"], "doubles")
    running.wait_for("digits", images[0].tolist())
    return _right(running, "digits", list(images), labels)


def _photos(running: Cluster, setting: Setting) -> Measured:
    count = setting.choose(ASKED, QUICK_ASKED)
    with np.load(setting.data.path(CIFAR_IMAGES)) as file:
        data, offsets, labels = file["jpeg"], file["offset"], file["label"]
    chosen = np.random.default_rng(0).permutation(len(labels))[:count]
    pictures = [data[offsets[n] : offsets[n + 1]].tobytes() for n in chosen]
    model = Photos(setting.data.path(RESNET20).read_bytes())
    running.deploy({"resnet20": model}, "bytes", pictures[0], requirements=LIVE_REQUIREMENTS)
    running.application("photos", ["resnet20"], "bytes")
    return _right(running, "photos", pictures, labels[chosen])


def _right(running: Cluster, name: str, inputs: list[object], labels: NDArray[np.generic]) -> Measured:
    application = running.client.application(name)
    with ThreadPoolExecutor(CLIENTS) as threads:
        said = list(threads.map(lambda each: application.predict(each).output, inputs))
    return statistics.share(sum(int(a) == int(b) for a, b in zip(said, labels, strict=True)), len(inputs))


def _mnist(data: Data) -> str:
    with np.load(data.path(MNIST)) as file:
        return f"{len(file['x_train']) + len(file['x_test']):,} images of {file['x_test'][0].size} pixels, 10 classes"


def _cifar(data: Data) -> str:
    with np.load(data.path(CIFAR_IMAGES)) as file:
        return f"{len(file['label']):,} photos, {len(file['classes'])} classes"


def _answers(data: Data) -> str:
    with np.load(data.path(CIFAR_ANSWERS)) as file:
        return f"{file['pred'].shape[1]} networks on {len(file['label']):,} images"


def _timit(data: Data) -> str:
    with tarfile.open(data.path(TIMIT)) as archive:
        folders = [name.split("/")[1] for name in archive.getnames() if name.endswith(".wav")]
    dialects = {folder.partition("-")[0] for folder in folders}
    return f"{len(folders)} utterances, {len(set(folders))} speakers, {len(dialects)} dialects"


def _ratings(data: Data) -> str:
    with gzip.open(data.path(RATINGS), "rt") as file:
        rows = list(csv.DictReader(file))
    return f"{len(rows):,} ratings, {len({row['userId'] for row in rows})} users"


def _twitter(data: Data) -> str:
    with tarfile.open(data.path(TWITTER)) as archive:
        file = archive.extractfile("workload.txt")
        assert file is not None
        counts = np.array(file.read().split(), np.int64)
    return f"{len(counts):,} seconds, {counts.mean():.0f} requests in each on average, at most {counts.max()}"


def _azure(data: Data) -> str:
    text = gzip.decompress(data.path(AZURE_CODE).read_bytes()).decode()
    return f"{sum(1 for _ in csv.reader(io.StringIO(text))) - 1:,} requests with their times"


COUNTS: dict[DataSet, Callable[[Data], str]] = {
    MNIST: _mnist,
    CIFAR_IMAGES: _cifar,
    CIFAR_ANSWERS: _answers,
    TIMIT: _timit,
    RATINGS: _ratings,
    TWITTER: _twitter,
    AZURE_CODE: _azure,
}
