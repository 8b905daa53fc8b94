"""Files and folders of frameworks that are not installed here are recognised by what is in them."""

import json
import zipfile
from pathlib import Path

import pytest

from clipper.client.packaging import PackageOptions, package
from clipper.client.packaging.frameworks import recognise
from clipper.container.bundle import Manifest
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType


def write(folder: Path, name: str, content: bytes | dict[str, bytes] | tuple[str, ...]) -> Path:
    """A file of these bytes, a folder of these files, or a zip archive with these names."""
    path = folder / name
    match content:
        case bytes():
            path.write_bytes(content)
        case tuple():
            with zipfile.ZipFile(path, "w") as archive:
                for each in content:
                    archive.writestr(each, b"")
        case dict():
            for each, text in content.items():
                (path / each).parent.mkdir(parents=True, exist_ok=True)
                (path / each).write_bytes(text)
    return path


FILES: dict[str, tuple[str, bytes | dict[str, bytes] | tuple[str, ...]]] = {
    "torch: model.pt2": ("x", ("m/archive_format", "m/models/model.json")),
    "torch: model.pt": ("x", ("m/data.pkl", "m/constants.pkl", "m/code/__torch__.py")),
    "tensorflow: model.keras": ("x", ("config.json", "metadata.json", "model.weights.h5")),
    "tensorflow: model.h5": ("x.h5", b"\x89HDF\r\n\x1a\n..."),
    "tensorflow: saved_model": ("x", {"saved_model.pb": b"", "variables/variables.index": b""}),
    "jax: model.jaxexp": ("x", b"<\0\0\0" + bytes(300) + b"ML\xefR" + bytes(100)),
    "catboost: model.cbm": ("x", b"CBM1" + bytes(100)),
    "tflite: model.tflite": ("x", b"\x1c\0\0\0TFL3" + bytes(100)),
    "mlflow: model": ("x", {"MLmodel": b"flavors:\n  python_function:\n    env: 1\n"}),
    "huggingface: pipeline": ("x", {"config.json": b'{"architectures": ["BertModel"]}', "tokenizer.json": b"{}"}),
    "spacy: pipeline": ("x", {"config.cfg": b"", "meta.json": b'{"spacy_version": ">=3"}'}),
    "openinference: remote.json": ("x.json", b'{"url": "http://host:8000/v2/models/m", "timeout_s": 1}'),
}


@pytest.mark.parametrize("expected", FILES)
def test_content_says_which_framework_it_is(expected: str, tmp_path: Path) -> None:
    artifact = recognise(write(tmp_path, *FILES[expected]))
    assert f"{artifact.framework}: {artifact.entry}" == expected
    assert any(name == artifact.entry or name.startswith(f"{artifact.entry}/") for name in artifact.files)


def packaged(folder: Path, model: object) -> Manifest:
    return package(model, folder / "bundle", PackageOptions())


def test_address_of_a_remote_model_is_a_model(tmp_path: Path) -> None:
    url = "https://host/v2/models/m/versions/3"
    assert packaged(tmp_path, url).framework == "openinference"
    assert json.loads((tmp_path / "bundle" / "remote.json").read_bytes()) == {"url": url}


def test_other_addresses_are_refused() -> None:
    with pytest.raises(ClipperError) as caught:
        recognise("https://host/model.onnx")
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_mlflow_folder_names_its_environment(tmp_path: Path) -> None:
    files = {
        "MLmodel": b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n",
        "requirements.txt": b"mlflow==3.17.2\n# of the model\n--no-binary x\nnumpy==2.4.6\n\n",
        "python_env.yaml": b"python: 3.11.7\nbuild_dependencies:\n- pip==23.2\n",
    }
    manifest = packaged(tmp_path, write(tmp_path, "x", files))
    assert (manifest.requirements, manifest.python) == (("mlflow==3.17.2", "numpy==2.4.6"), "3.11")


def test_texts_are_what_pipelines_of_texts_take(tmp_path: Path) -> None:
    manifest = packaged(tmp_path, write(tmp_path, "x", FILES["spacy: pipeline"][1]))
    assert (manifest.input_type, manifest.example) == (InputType.STRINGS, "")


def test_weights_without_code_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClipperError, match="weights without the code that uses them"):
        recognise(write(tmp_path, "weights.pt", ("m/data.pkl", "m/version")))
