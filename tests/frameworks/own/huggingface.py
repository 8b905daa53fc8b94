"""The pipeline's own answers: run with FOLDER HOME; deploys a live pipeline on the server at HOME."""

import json
import random
import sys
from pathlib import Path

import torch
import transformers

from clipper.client import connect
from examples.huggingface import train
from tests.frameworks.bench import INPUTS
from tests.frameworks.environments import requirements_of


def main(folder: Path, home: Path) -> None:
    torch.set_num_threads(1)
    train.main(folder)
    pipeline = transformers.pipeline("text-classification", model=str(folder / "reviews"), device="cpu")
    words = sorted({word for text in train.TEXTS for word in text.split()})
    draw = random.Random(1)
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(INPUTS)]
    rows = [{each["label"]: each["score"] for each in pipeline(text, top_k=None)} for text in texts]
    scores = [[row[label] for label in train.LABELS] for row in rows]
    labels = [max(row, key=row.__getitem__) for row in rows]
    (folder / "texts.json").write_text(json.dumps({"texts": texts, "scores": scores, "labels": labels}))
    config = transformers.BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=1)
    transformers.BertForQuestionAnswering(config).save_pretrained(folder / "questions")
    pipeline.tokenizer.save_pretrained(folder / "questions")
    with connect(home) as clipper:
        clipper.deploy_model("huggingface-live", 1, pipeline, requirements=requirements_of("huggingface"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
