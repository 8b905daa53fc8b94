"""spaCy's own answers: run with FOLDER HOME; deploys a live pipeline on the server at HOME."""

import json
import random
import sys
from pathlib import Path

import spacy

from clipper.client import connect
from examples.spacy import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    train.main(folder)
    pipeline = spacy.load(folder / "reviews")
    words = sorted({word for text in train.TEXTS for word in text.split()})
    draw = random.Random(1)
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(INPUTS)]
    scores = [pipeline(text).cats for text in texts]
    (folder / "texts.json").write_text(json.dumps({"texts": texts, "scores": scores}))
    with connect(home) as clipper:
        clipper.deploy_model("spacy-live", 1, train.names(), requirements=requirements_of("spacy"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
