"""The rows of the page: what is served of each framework, and what cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass

NUMBER = 0.5
NUMBERS = (NUMBER,) * 64
SPOKEN = ((NUMBER,) * 6,) * 20
"""Twenty moments of a word, by six measures each."""

TEXT = "i loved it"

Example = str | Sequence[float] | Sequence[Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One framework that is measured: the model of its example.

    Attributes:
        title: its name.
        framework: its loader's, or of a bundle with a command its example's.
        file: what its example saves: a file, a folder, or a bundle with its own example.
        shown: what its version is shown of, a package.
        input_type: what one input is.
        how: what is taken: files, live objects.
        example: the input that is answered.
        environment: the file of its requirements in `requirements/frameworks`; empty: the benchmark's own environment.
        trained_in: the same for what makes the model, if that is another one.
        program: what the machine must have.
        script: what `program` makes the model with, if that is not Python; it tells its own version then.
    """

    title: str
    framework: str
    file: str
    shown: str
    how: str
    input_type: str = "doubles"
    example: Example = NUMBERS
    environment: str = ""
    trained_in: str | None = None
    program: str = ""
    script: str = ""


CASES = (
    Case(
        title="scikit-learn",
        framework="sklearn",
        file="digits.skops",
        shown="scikit-learn",
        how="live, skops, joblib, pickle",
    ),
    Case(
        title="ONNX Runtime",
        framework="onnx",
        file="network.onnx",
        shown="onnxruntime",
        how="live `ModelProto`, `.onnx`",
        input_type="floats",
        example=(NUMBER,) * 784,
    ),
    Case(
        title="PyTorch, exported program",
        framework="torch",
        file="exported.pt2",
        shown="torch",
        how="live module, `.pt2`, file of code and weights",
        input_type="floats",
        environment="torch",
    ),
    Case(
        title="PyTorch, TorchScript",
        framework="torch",
        file="script.pt",
        shown="torch",
        how="live, `.pt`",
        input_type="floats",
        environment="torch",
    ),
    Case(
        title="TensorFlow",
        framework="tensorflow",
        file="saved_model",
        shown="tensorflow-cpu",
        how="SavedModel",
        input_type="floats",
        environment="tensorflow",
    ),
    Case(
        title="Keras",
        framework="tensorflow",
        file="digits.keras",
        shown="keras",
        how="live, `.keras`",
        input_type="floats",
        environment="tensorflow",
    ),
    Case(
        title="LiteRT (TensorFlow Lite)",
        framework="tflite",
        file="floats.tflite",
        shown="ai-edge-litert",
        how="`.tflite`, of floats and of bytes",
        input_type="floats",
        environment="tflite",
        trained_in="tensorflow",
    ),
    Case(
        title="JAX",
        framework="jax",
        file="digits.jaxexp",
        shown="jax",
        how="live function, `jax.export`",
        input_type="floats",
        environment="jax",
    ),
    Case(title="XGBoost", framework="xgboost", file="digits.json", shown="xgboost-cpu", how="live, JSON, UBJSON"),
    Case(title="LightGBM", framework="lightgbm", file="digits.txt", shown="lightgbm", how="live, text"),
    Case(
        title="CatBoost",
        framework="catboost",
        file="digits.cbm",
        shown="catboost",
        how="live, `.cbm`",
        environment="catboost",
    ),
    Case(
        title="Vowpal Wabbit",
        framework="vowpalwabbit",
        file="largest.vw",
        shown="vowpalwabbit",
        how="live, regressor file",
        example=(NUMBER,) * 16,
    ),
    Case(
        title="MLflow",
        framework="mlflow",
        file="digits",
        shown="mlflow-skinny",
        how="model folder (pyfunc)",
        environment="mlflow",
    ),
    Case(
        title="Hugging Face",
        framework="huggingface",
        file="reviews",
        shown="transformers",
        how="live pipeline, pipeline folder",
        input_type="strings",
        example=TEXT,
        environment="huggingface",
    ),
    Case(
        title="spaCy",
        framework="spacy",
        file="reviews",
        shown="spacy",
        how="live pipeline, pipeline folder",
        input_type="strings",
        example=TEXT,
        environment="spacy",
    ),
    Case(
        title="Spark MLlib, model alone",
        framework="spark",
        file="classifier",
        shown="pyspark",
        how="live, folder of a model or a pipeline",
        environment="spark",
        program="java",
    ),
    Case(
        title="R",
        framework="r",
        file="mileage.rds",
        shown="R",
        how="`.rds` of a model or a function",
        example=(3.2, 110, 18),
        program="Rscript",
        script="examples/r/train.R",
    ),
    Case(
        title="MXNet",
        framework="mxnet",
        file="gluon-symbol.json",
        shown="mxnet",
        how="live block, export, checkpoint",
        input_type="floats",
        environment="mxnet",
    ),
    Case(
        title="Theano",
        framework="theano",
        file="network.pkl",
        shown="Theano",
        how="live function, pickle",
        input_type="floats",
        environment="theano",
        program="g++",
    ),
    Case(
        title="Caffe's files",
        framework="caffe",
        file="network.prototxt",
        shown="opencv-python-headless",
        how="prototxt with caffemodel",
        input_type="floats",
    ),
    Case(
        title="Caffe itself",
        framework="bvlc_caffe",
        file="bundle",
        shown="kendryte-caffe",
        how="bundle with a command, Python 3.9",
        environment="bvlc_caffe",
    ),
    Case(
        title="Turi Create",
        framework="turicreate",
        file="bundle",
        shown="turicreate",
        how="bundle with a command, Python 3.8",
        environment="turicreate",
    ),
    Case(
        title="HTK's files",
        framework="htk",
        file="hmmdefs",
        shown="numpy",
        how="definitions (MMF), dictionary",
        example=SPOKEN,
    ),
    Case(
        title="Julius 4.6, HTK's files",
        framework="julius",
        file="bundle",
        shown="PySegmentKit",
        how="bundle with a command: definitions, dictionary; parameter files",
        environment="julius",
        trained_in="",
    ),
    Case(
        title="Kaldi, Gaussian mixtures",
        framework="kaldi",
        file="bundle",
        shown="kaldi-hmm-gmm",
        how="bundle with a command: its models pickled; WAV files",
        environment="kaldi",
    ),
    Case(
        title="hmmlearn", framework="hmmlearn", file="words.pkl", shown="hmmlearn", how="live, pickle", example=SPOKEN
    ),
)

IMPOSSIBLE = {
    "KeystoneML ✗": "its build wants Scala 2.11, Spark 2.1 and Breeze 0.12 from repositories that package indexes do "
    "not mirror, and Java 8; nearest: a Spark MLlib pipeline, of the same estimators and transformers, measured above",
    "HTK's own tools ✗": "no package of any distribution or index has them; the definitions they write are read above, "
    "by our recogniser, whose scores equal those of hmmlearn's Viterbi to 1e-6, and by Julius, equal to 0.001",
    "GraphLab Create ✗": "Python 2.7 only, proprietary, wants a product key; nearest: its open successor, "
    "Turi Create, above",
    "Kaldi's decoder of neural networks": "`vosk` 0.3.45 was tried by hand with the one model that a package index has "
    "(Korean, of unknown licence): 561 MB, as long as the speech lasts; nearest: its Gaussian mixtures and features, "
    "above, or a function of a batch that calls it, deployed with `--requirement vosk`",
    "Servers of the Open Inference Protocol": "remote models, `clipper deploy URL`, batched, cached and selected like "
    "the rest: a real MLServer 1.7.1 and a real Triton (PyTriton 0.7.0) are asked in `tests/frameworks`; KServe, the "
    "same protocol on Kubernetes, was not run",
}
"""What was tried, and what is nearest; marked where that is another system."""
