"""Fits models of spark.ml and saves them, each to a folder: python train.py FOLDER."""

import sys
from pathlib import Path

import numpy as np
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression, LogisticRegressionModel
from pyspark.ml.feature import HashingTF, IndexToString, StandardScaler, StringIndexer, Tokenizer, VectorAssembler
from pyspark.ml.linalg import Vectors
from pyspark.ml.regression import LinearRegression
from pyspark.sql import DataFrame, SparkSession

FEATURES, CLASSES = 64, 10
TEXTS = {
    "the film was great fun": "praise",
    "a dull and boring film": "blame",
    "i loved it": "praise",
    "terrible acting , awful plot": "blame",
}


def start_session() -> SparkSession:
    """A local one that looks up no host name and opens no port to others."""
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    session: SparkSession = builder.config("spark.log.level", "ERROR").getOrCreate()
    return session


def digits(session: SparkSession) -> DataFrame:
    """Vectors, labelled with which of their first ten numbers is the largest."""
    inputs = np.random.default_rng(0).random((1500, FEATURES))
    rows = [(Vectors.dense(each), float(each[:CLASSES].argmax())) for each in inputs]
    return session.createDataFrame(rows, ["vector", "label"])


def train_classifier(session: SparkSession) -> LogisticRegressionModel:
    """A model alone, which answers vectors."""
    return LogisticRegression(featuresCol="vector", maxIter=30).fit(digits(session))


def train_pipeline(session: SparkSession) -> PipelineModel:
    """The same behind a scaler."""
    scaler = StandardScaler(inputCol="vector", outputCol="features", withMean=True)
    return Pipeline(stages=[scaler, LogisticRegression(maxIter=30)]).fit(digits(session))


def train_texts(session: SparkSession) -> PipelineModel:
    """A pipeline from a text to a word."""
    data = session.createDataFrame(list(TEXTS.items()), ["text", "said"])
    labels = StringIndexer(inputCol="said", outputCol="label", stringOrderType="alphabetAsc").fit(data)
    stages = [
        labels,
        Tokenizer(inputCol="text", outputCol="words"),
        HashingTF(inputCol="words", outputCol="features", numFeatures=1024),
        LogisticRegression(regParam=0.01),
        IndexToString(inputCol="prediction", outputCol="answer", labels=labels.labels),
    ]
    return Pipeline(stages=stages).fit(data)


def train_columns(session: SparkSession) -> PipelineModel:
    """A regression from two columns of numbers."""
    rows = [(float(a), float(b), 3.0 * a - b + 1) for a in range(10) for b in range(10)]
    data = session.createDataFrame(rows, ["a", "b", "label"])
    assembler = VectorAssembler(inputCols=["a", "b"], outputCol="features")
    return Pipeline(stages=[assembler, LinearRegression()]).fit(data)


def main(folder: Path) -> None:
    session = start_session()
    for name, model in (
        ("classifier", train_classifier(session)),
        ("pipeline", train_pipeline(session)),
        ("texts", train_texts(session)),
        ("columns", train_columns(session)),
    ):
        model.write().overwrite().save((folder / name).absolute().as_uri())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
