"""The rows of the page: what is served of each framework, and what cannot be."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One framework that is measured: the model of its example.

    Attributes:
        title: its name.
        framework: its loader's.
        file: what its example saves.
        shown: the package whose version is shown.
        input_type: what one input is.
        how: what is taken: files, live objects.
    """

    title: str
    framework: str
    file: str
    shown: str
    input_type: str
    how: str


CASES = (
    Case("scikit-learn", "sklearn", "digits.skops", "scikit-learn", "doubles", "live, skops, joblib, pickle"),
    Case("ONNX Runtime", "onnx", "network.onnx", "onnxruntime", "floats", "live `ModelProto`, `.onnx`"),
    Case("XGBoost", "xgboost", "digits.json", "xgboost-cpu", "doubles", "live, JSON, UBJSON"),
    Case("LightGBM", "lightgbm", "digits.txt", "lightgbm", "doubles", "live, text"),
    Case("Vowpal Wabbit", "vowpalwabbit", "largest.vw", "vowpalwabbit", "doubles", "live, regressor file"),
    Case("Caffe's files", "caffe", "network.prototxt", "opencv-python-headless", "floats", "prototxt with caffemodel"),
    Case("HTK's files", "htk", "hmmdefs", "numpy", "doubles", "definitions (MMF), dictionary"),
    Case("hmmlearn", "hmmlearn", "words.pkl", "hmmlearn", "doubles", "live, pickle"),
)

IMPOSSIBLE = {
    "KeystoneML": "its build wants Scala 2.11, Spark 2.1 and Breeze 0.12 from repositories that package indexes do not "
    "mirror, and Java 8; nearest: a Spark MLlib pipeline, of the same estimators and transformers",
    "HTK's own tools": "no package of any distribution or index has them; the definitions they write are read above, "
    "scores equal to those of hmmlearn's Viterbi on the same models to 1e-6",
    "GraphLab Create": "Python 2.7 only, proprietary, wants a product key; nearest: Turi Create, its open successor",
}
"""What was tried, and what is nearest."""
