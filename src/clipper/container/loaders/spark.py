"""Spark's models (spark.ml), in a Java machine of this container's own with a local session.

A model that takes vectors itself answers each without a data frame, in a fifth of a millisecond; a pipeline transforms
a data frame for each batch, which takes some tenths of a second whatever the batch.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clipper.container.bundle import Manifest
from clipper.container.loaders import LoadedModel
from clipper.core.errors import invalid
from clipper.core.inputs import DType, Input

_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "512m",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # starts 2 s sooner
    "spark.sql.shuffle.partitions": "1",
    "spark.log.level": "ERROR",
}
"""Of a session that no other machine, and no browser, has anything to do with."""

_VECTORS_OF_FEATURES = ("mean", "maxAbs", "originalMax")
"""Where a scaler keeps a number for each feature."""


class SparkError(Exception):
    """What Spark said, in the one line of it that says why."""


class _Columns(NamedTuple):
    """What a pipeline reads from the data frame it is given: one column of vectors or texts, or one for each number."""

    names: tuple[str, ...]
    each_a_number: bool
    size: int | None


def load(folder: Path, manifest: Manifest, example: Input | None) -> LoadedModel:
    """The prediction, the probabilities, or all columns that the model adds.

    Raises INVALID_ARGUMENT if the model has none of the column that is asked for, else SparkError.
    """
    from pyspark.ml.util import DefaultParamsReader
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)  # else its last words cover up ours
    builder = SparkSession.builder.master(f"local[{manifest.threads}]")
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    with _in_one_line():
        model = DefaultParamsReader.loadParamsInstance((folder / manifest.entry).absolute().as_uri(), session)
    stages = list(_stages(model))
    texts = manifest.input_type.dtype is DType.STRING
    columns = _columns(stages)
    shape = () if texts or columns.size is None else (columns.size,)
    if len(stages) == 1 and manifest.output != "raw" and hasattr(stages[0], "predict"):
        return LoadedModel(_directly(stages[0], manifest.output), example, shape, model)
    if texts and columns.each_a_number:
        raise invalid(
            f"Invalid input_type: the pipeline reads the columns {', '.join(columns.names)}; expected doubles"
        )
    frame = _frames(session, columns, texts)
    answer = _answers(stages, columns, manifest.output)

    def predict(inputs: Any) -> Any:
        with _in_one_line():
            return answer(model.transform(frame(inputs)))

    return LoadedModel(predict, example, shape, model)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Spark's errors carry the traces of two languages."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except Py4JJavaError as error:
        raise SparkError(str(error.java_exception.toString()).partition("\n")[0]) from error
    except PySparkException as error:
        raise SparkError(str(error).strip().partition("\n")[0]) from error


def _stages(model: Any) -> Iterator[Any]:
    """What is in a pipeline, and in the pipelines in it."""
    if not hasattr(model, "stages"):
        yield model
        return
    for each in model.stages:
        yield from _stages(each)


def _columns(stages: Sequence[Any]) -> _Columns:
    """The columns that stages read and no stage before has made. What only makes the labels for training is left out:
    Spark leaves it out, too, where there is none.
    """
    labels = {name for stage in stages for name in _named(stage, "labelCol")}
    made: set[str] = set()
    read: dict[str, Any] = {}
    for stage in stages:
        makes = {name for param in ("outputCol", "outputCols", "predictionCol") for name in _named(stage, param)}
        if not makes <= labels:
            read.update((name, stage) for name in _inputs(stage) if name not in made and name not in read)
        made |= makes
    reader = next(iter(read.values()))
    if len(read) == 1 and not _named(reader, "inputCols"):
        return _Columns(tuple(read), False, _size(reader))
    return _Columns(tuple(read), True, len(read))


def _inputs(stage: Any) -> tuple[str, ...]:
    return _named(stage, "inputCols") or _named(stage, "inputCol") or _named(stage, "featuresCol")


def _named(stage: Any, param: str) -> tuple[str, ...]:
    """The columns that a parameter of a stage names."""
    if not stage.hasParam(param) or not stage.isDefined(param):
        return ()
    value = stage.getOrDefault(param)
    return (value,) if isinstance(value, str) else tuple(value)


def _size(stage: Any) -> int | None:
    """How many numbers the vectors have that a stage reads, if it says so."""
    features = getattr(stage, "numFeatures", -1)
    if isinstance(features, int) and features > 0:
        return features
    vector = next((getattr(stage, name) for name in _VECTORS_OF_FEATURES if hasattr(stage, name)), None)
    return None if vector is None else len(vector)


def _directly(model: Any, output: str) -> Callable[[Any], Any]:
    """Row by row, without a data frame."""
    from pyspark.ml.linalg import Vectors

    if output == "labels":
        return lambda inputs: [model.predict(Vectors.dense(row)) for row in inputs]
    if not hasattr(model, "predictProbability"):
        raise _no_scores(model)
    return lambda inputs: np.array([model.predictProbability(Vectors.dense(row)).toArray() for row in inputs])


def _frames(session: Any, columns: _Columns, texts: bool) -> Callable[[Any], Any]:
    """From a batch to a data frame."""
    from pyspark.ml.linalg import Vectors, VectorUDT
    from pyspark.sql.types import DoubleType, StringType, StructType

    kind = DoubleType() if columns.each_a_number else StringType() if texts else VectorUDT()
    schema = StructType()
    for name in columns.names:
        schema = schema.add(name, kind)
    if columns.each_a_number:
        return lambda inputs: session.createDataFrame([tuple(map(float, row)) for row in inputs], schema)
    if texts:
        return lambda inputs: session.createDataFrame([(text,) for text in inputs], schema)
    return lambda inputs: session.createDataFrame([(Vectors.dense(row),) for row in inputs], schema)


def _answers(stages: Sequence[Any], columns: _Columns, output: str) -> Callable[[Any], Any]:
    """From the data frame that a pipeline has made to one answer for each row."""
    if output == "raw":
        return lambda frame: [
            {name: _plain(value) for name, value in row.asDict().items()}
            for row in frame.drop(*columns.names).collect()
        ]
    last = stages[-1]
    if output == "labels":
        column = (_named(last, "predictionCol") or _named(last, "outputCol"))[:1]
    else:
        column = next((found for each in reversed(stages) if (found := _named(each, "probabilityCol"))), ())
    if not column:
        raise _no_scores(last) if output == "scores" else invalid(f"{last} names no column that it makes: use 'raw'")
    return lambda frame: [_plain(row[0]) for row in frame.select(*column).collect()]


def _plain(value: Any) -> Any:
    return value.toArray().tolist() if hasattr(value, "toArray") else value


def _no_scores(stage: Any) -> Exception:
    return invalid(f"Invalid output 'scores': {type(stage).__name__} has no probabilities; expected 'labels' or 'raw'")
