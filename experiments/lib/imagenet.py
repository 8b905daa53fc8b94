"""EfficientNets-Lite as ONNX graphs and 20 labelled photos of ImageNet's classes, out of wheels."""

from pathlib import Path

from benchmarks import environment
from experiments.lib.networks import Photos
from experiments.lib.setting import Setting

ENVIRONMENT = "photos"
SCRIPT = Path(__file__).with_name("efficientnet.py")
PHOTOS = "lib/*/site-packages/foolbox/data/imagenet_*.jpg"
SIDES = {"lite0": 224, "lite1": 240, "lite2": 260}  # pixels, of the networks' inputs
MEAN, DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3


def graphs(setting: Setting) -> dict[str, bytes]:
    """The networks by name. At the first time, minutes of installing; raises Unavailable if that fails."""
    python = environment.python_for(ENVIRONMENT, setting.cache)
    environment.run([str(python), str(SCRIPT), str(setting.folder)])
    return {name: (setting.folder / f"{name}.onnx").read_bytes() for name in SIDES}


def shown(graphs: dict[str, bytes]) -> dict[str, Photos]:
    """The networks as models of JPEG files."""
    return {name: Photos(graph, MEAN, DEVIATION, SIDES[name]) for name, graph in graphs.items()}


def photos(setting: Setting) -> tuple[list[bytes], list[int]]:
    """Those of foolbox as JPEG files, and their classes, from 0 to 999."""
    python = environment.python_for(ENVIRONMENT, setting.cache)
    paths = sorted(python.parents[1].glob(PHOTOS))
    return [path.read_bytes() for path in paths], [int(path.stem.rpartition("_")[2]) for path in paths]
