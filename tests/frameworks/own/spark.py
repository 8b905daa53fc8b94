"""Spark's own answers: run with FOLDER HOME; deploys a live pipeline on the server at HOME."""

import json
import random
import sys
from pathlib import Path

import numpy as np
from pyspark.ml import PipelineModel
from pyspark.ml.classification import LogisticRegressionModel
from pyspark.ml.linalg import Vectors

from clipper.client import connect
from examples.spark import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    train.main(folder)
    session = train.start_session()
    inputs = np.random.default_rng(1).random((INPUTS, train.FEATURES))
    np.save(folder / "inputs.npy", inputs)
    frame = session.createDataFrame([(Vectors.dense(each),) for each in inputs], ["vector"])
    pipeline = PipelineModel.load(str(folder / "pipeline"))
    for name, model in (
        ("classifier", LogisticRegressionModel.load(str(folder / "classifier"))),
        ("pipeline", pipeline),
    ):
        rows = model.transform(frame).select("prediction", "probability").collect()
        np.save(folder / f"{name}-labels.npy", [row.prediction for row in rows])
        np.save(folder / f"{name}-scores.npy", [row.probability.toArray() for row in rows])
    words = sorted({word for text in train.TEXTS for word in text.split()})
    draw = random.Random(1)
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 8))) for _ in range(INPUTS)]
    said = PipelineModel.load(str(folder / "texts")).transform(
        session.createDataFrame([(each,) for each in texts], ["text"])
    )
    answers = [row.answer for row in said.select("answer").collect()]
    (folder / "texts.json").write_text(json.dumps({"texts": texts, "answers": answers}))
    with connect(home) as clipper:
        requirements = requirements_of("spark")
        clipper.deploy_model("spark-live", 1, pipeline, example=inputs[0], requirements=requirements)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
