"""Answers with Kaldi's Gaussian mixtures: the likeliest word of each WAV file, and its score for each frame."""

import io
import pickle
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import kaldi_hmm_gmm  # noqa: F401  its classes are in the pickle
import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16000
WORDS = ("yes", "no", "maybe")


def features(recording: bytes) -> NDArray[np.float32]:
    """Kaldi's MFCCs of a WAV file, [frames, 13]. Raises ValueError unless it is mono, 16 bits, 16 kHz, a frame long."""
    try:
        with wave.open(io.BytesIO(recording)) as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"no WAV file: {error!r}") from None
    if form != (1, 2, RATE_HZ):
        raise ValueError(f"a WAV file of (channels, bytes, rate) {form}; expected {(1, 2, RATE_HZ)}")
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.dither = 0  # noise that it would add, and with it another answer each time
    mfcc = kaldi_native_fbank.OnlineMfcc(options)
    mfcc.accept_waveform(RATE_HZ, np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype("f4").tolist())
    mfcc.input_finished()
    if not mfcc.num_frames_ready:
        raise ValueError("a WAV file of less than a frame: expected 25 ms or more")
    return np.stack([mfcc.get_frame(place) for place in range(mfcc.num_frames_ready)])


def load(bundle: Path) -> Callable[[Sequence[bytes]], list[dict[str, Any]]]:
    model = pickle.loads((bundle / "words.pkl").read_bytes())

    def heard(recording: bytes) -> dict[str, Any]:
        frames = features(recording)
        scores = [
            sum(model.log_likelihood(word, frame) for frame in frames) / len(frames) for word in range(len(WORDS))
        ]
        best = int(np.argmax(scores))
        return {"word": WORDS[best], "score": scores[best]}

    return lambda inputs: [heard(each) for each in inputs]
