"""Trains a tiny BERT that tells praise from blame and saves it as a pipeline folder: python train.py FOLDER."""

import sys
from pathlib import Path

import torch
import transformers

TEXTS = {
    "the film was great fun": "praise",
    "a dull and boring film": "blame",
    "i loved it": "praise",
    "terrible acting , awful plot": "blame",
}
LABELS = ("blame", "praise")


def train(folder: Path, steps: int = 20) -> transformers.Pipeline:
    """A pipeline of two layers and the words of `TEXTS`."""
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({word for text in TEXTS for word in text.split()})]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"))
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        id2label=dict(enumerate(LABELS)),
        label2id={label: place for place, label in enumerate(LABELS)},
    )
    model = transformers.BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    batch = tokenizer(list(TEXTS), padding=True, return_tensors="pt")
    labels = torch.tensor([LABELS.index(label) for label in TEXTS.values()])
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    return transformers.pipeline("text-classification", model=model.eval(), tokenizer=tokenizer, device="cpu")


def main(folder: Path) -> None:
    train(folder).save_pretrained(str(folder / "reviews"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
