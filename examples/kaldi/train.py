"""Trains Kaldi's Gaussian mixtures, one for each word: python -m examples.kaldi.train FOLDER makes a bundle of them."""

import base64
import io
import json
import pickle
import shutil
import sys
import wave
from pathlib import Path
from typing import Any

import kaldi_hmm_gmm as khg
import numpy as np

from examples.kaldi.model import RATE_HZ, WORDS, features

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "frameworks" / "kaldi.txt"
CONTAINER = ROOT / "containers" / "python-legacy" / "clipper_container.py"

SOUNDS, EXAMPLES, MIXTURES, STEPS = 3, 10, 4, 6
ALL = "mvw"
"""Means, variances and weights are learned."""


def recording(word: int, random: np.random.Generator) -> bytes:
    """A word as a WAV file: three sounds after each other, each of two tones of its own, in noise."""
    tones = np.random.default_rng(word).uniform(200, 3000, (SOUNDS, 2)) * random.normal(1, 0.03)
    parts = []
    for low, high in tones:
        time_s = np.arange(random.integers(1300, 2600)) / RATE_HZ
        parts.append(np.sin(2 * np.pi * low * time_s) + np.sin(2 * np.pi * high * time_s))
    sound = np.concatenate(parts)
    samples = ((sound + random.normal(0, 0.5, len(sound))) * 5000).astype("<i2")
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    return written.getvalue()


def train() -> Any:
    random = np.random.default_rng(1)
    spoken = [np.vstack([features(recording(word, random)) for _ in range(EXAMPLES)]) for word in range(len(WORDS))]
    model = khg.AmDiagGmm()
    for frames in spoken:
        mixture = khg.DiagGmm(1, frames.shape[1])
        mixture.set_weights(np.ones(1, "f4"))
        mixture.set_invvars_and_means(1 / frames.var(axis=0, keepdims=True), frames.mean(axis=0, keepdims=True))
        mixture.compute_gconsts()
        mixture.split(MIXTURES, 0.1)
        model.add_pdf(mixture)
    flags = khg.str_to_gmm_flags(ALL)
    for _ in range(STEPS):
        found = khg.AccumAmDiagGmm()
        found.init(model, flags)
        for word, frames in enumerate(spoken):
            for frame in frames:
                found.accumulate_for_gmm(model, frame, word, 1.0)
        khg.mle_am_diag_gmm_update(khg.MleDiagGmmOptions(), found, flags, model)
    return model


def manifest() -> dict[str, Any]:
    lines = REQUIREMENTS.read_text().splitlines()
    return {
        "format": 1,
        "framework": "command",
        "command": ["python", CONTAINER.name, "model.py"],
        "entry": "words.pkl",
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "requirements": [line for line in lines if not line.startswith("#")],
        "input_type": "bytes",
        "output": "raw",
        "example": base64.b64encode(recording(0, np.random.default_rng(2))).decode(),
    }


def main(folder: Path) -> None:
    bundle = folder / "bundle"
    bundle.mkdir()
    (bundle / "words.pkl").write_bytes(pickle.dumps(train()))
    for file in (Path(__file__).with_name("model.py"), CONTAINER):
        shutil.copy(file, bundle)
    (bundle / "manifest.json").write_text(json.dumps(manifest()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
