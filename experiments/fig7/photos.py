"""ImageNet: three live networks on the few photos there are."""

import numpy as np
from numpy.typing import NDArray

from experiments.lib import imagenet, statistics
from experiments.lib.cluster import Cluster, cluster
from experiments.lib.finding import Finding, at_most, sheet
from experiments.lib.networks import LIVE_REQUIREMENTS
from experiments.lib.setting import Setting

ENSEMBLE = "majority"


def run(setting: Setting) -> Finding:
    """Each photo shown to each network alone, and to the three together."""
    models = imagenet.shown(imagenet.graphs(setting))
    pictures, labels = imagenet.photos(setting)
    with cluster() as running:
        setting.tell("photos: deploying three networks")
        running.deploy(models, "bytes", pictures[0], requirements=LIVE_REQUIREMENTS)
        for name in models:
            running.application(name, [name], "bytes")
        running.application(ENSEMBLE, list(models), "bytes", policy=ENSEMBLE)
        wrong = {name: _wrong(running, name, pictures, labels) for name in (*models, ENSEMBLE)}
    errors = {name: statistics.share(int(each.sum()), len(each)) for name, each in wrong.items()}
    best = min(errors[name].value for name in models)
    claim = at_most(
        f"ImageNet, {len(labels)} photos: the ensemble's error, of the best member's", errors[ENSEMBLE], best
    )
    rows = [(name, int(each.sum()), errors[name].text()) for name, each in wrong.items()]
    return Finding("fig7", [claim], [sheet(f"ImageNet, {len(labels)} photos", ("", "wrong", "error"), rows)])


def _wrong(running: Cluster, name: str, pictures: list[bytes], labels: list[int]) -> NDArray[np.bool_]:
    application = running.client.application(name)
    said = [int(application.predict(each).output) for each in pictures]
    wrong: NDArray[np.bool_] = np.array(said) != np.array(labels)
    return wrong
