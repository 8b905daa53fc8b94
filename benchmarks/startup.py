"""How long after `clipper serve` the first prediction comes from a model that was deployed before."""

import json
import tempfile
import time
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from benchmarks.peers.clipper import connect, first_answer_s, server

APPLICATION = "digits"
SLO_MICROS = 20_000  # a query that comes too early gets the default output after this long
LIMIT_S = 60.0


def measure_startup(repeats: int) -> list[float]:
    """Seconds from starting the process to its first answer that is not the default output, once per repeat."""
    images, labels = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=100, tol=0.01).fit(images, labels)
    body = json.dumps({"input": images[0].tolist()}).encode()
    with tempfile.TemporaryDirectory(prefix="cb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with server(folder) as running, connect(running.home, running.alive, folder) as client:
            client.register_application(APPLICATION, "doubles", "-1", SLO_MICROS)
            client.deploy_model("digits", 1, model, example=images[0].tolist())
            client.link_model_to_app(APPLICATION, "digits")
            first_answer_s(running.query_port, f"/{APPLICATION}/predict", body, time.monotonic(), LIMIT_S)
        return [_start_once(folder, body) for _ in range(repeats)]


def _start_once(folder: Path, body: bytes) -> float:
    since = time.monotonic()
    with server(folder) as running:
        return first_answer_s(running.query_port, f"/{APPLICATION}/predict", body, since, LIMIT_S)
