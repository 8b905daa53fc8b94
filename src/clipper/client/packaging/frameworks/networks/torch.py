"""PyTorch: exported programs, TorchScript, and live modules as code and weights.

What runs without the code that made it is taken as it is. Any other module is its code, pickled without its tensors,
and its tensors as safetensors, which hold nothing but numbers.
"""

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

from clipper.client.packaging.closures import dump_function
from clipper.client.packaging.frameworks import Artifact
from clipper.core.errors import invalid
from clipper.core.inputs import InputType

PACKAGES = ("torch", "numpy")

EXPORTED, SCRIPT, MODULE, WEIGHTS = "model.pt2", "model.pt", "module.pkl", "weights.safetensors"


def recognise(model: object) -> Artifact | None:
    """A live module, script or exported program, or a file that `torch.export.save` or `torch.jit.save` has written.

    Raises INVALID_ARGUMENT for a file of weights alone: they do not say what to calculate with them.
    """
    if isinstance(model, Path):
        return _from_file(model)
    torch = sys.modules.get("torch")  # whoever has a module has imported it
    if torch is None or not hasattr(torch, "jit"):
        return None
    if isinstance(model, torch.export.ExportedProgram):
        return _artifact(EXPORTED, {EXPORTED: _written(torch.export.save, model)})
    if isinstance(model, torch.jit.ScriptModule):
        return _artifact(SCRIPT, {SCRIPT: _written(torch.jit.save, model)})
    return _from_module(model) if isinstance(model, torch.nn.Module) else None


def _from_file(path: Path) -> Artifact | None:
    if not (path.is_file() and zipfile.is_zipfile(path)):
        return _artifact(EXPORTED, {EXPORTED: path}) if path.is_file() and path.suffix == ".pt2" else None
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    if "archive_format" in names:
        return _artifact(EXPORTED, {EXPORTED: path})
    if {"data.pkl", "constants.pkl"} <= names:
        return _artifact(SCRIPT, {SCRIPT: path})
    if "data.pkl" in names:
        raise invalid(
            f"Invalid model {str(path)!r}: torch.save wrote it, so it holds weights without the code that uses them: "
            "load them into their module and deploy that, or save the module with torch.export.save or torch.jit.save"
        )
    return None


def _from_module(module: Any) -> Artifact:
    """The code of `module` and its tensors, those of its state by their names in it."""
    from safetensors.torch import save  # noqa: PLC0415 (only a module needs it)

    tensors = _Tensors(module)
    code = dump_function(module, tensors.reference)
    weights = save({name: _plain(tensor) for name, tensor in tensors.named.items()})
    return _artifact(MODULE, {MODULE: code, WEIGHTS: weights}, "safetensors")


class _Tensors:
    """Finds the tensors in what is pickled, however they are kept, and gives each a name."""

    def __init__(self, module: Any) -> None:
        self._state = module.state_dict(keep_vars=True)  # held, so that no other tensor can have the id of one of them
        self._names = {id(tensor): name for name, tensor in self._state.items()}
        self.named: dict[str, Any] = {}

    def reference(self, each: object) -> tuple[str, bool] | None:
        """What stands for a tensor in the pickle: its name, and whether it is a parameter. None for anything else."""
        torch = sys.modules["torch"]
        if not isinstance(each, torch.Tensor):
            return None
        name = self._names.setdefault(id(each), f"tensor {len(self._names)}")
        self.named[name] = each
        return name, isinstance(each, torch.nn.Parameter)


def _plain(tensor: Any) -> Any:
    """In an order and a memory of its own, as safetensors wants them."""
    return tensor.detach().cpu().contiguous().clone()


def _written(save: Any, model: object) -> bytes:
    buffer = io.BytesIO()
    save(model, buffer)
    return buffer.getvalue()


def _artifact(entry: str, files: dict[str, bytes | Path], *further_packages: str) -> Artifact:
    return Artifact(
        framework="torch",
        entry=entry,
        files=files,
        packages=(*PACKAGES, *further_packages),
        input_type=InputType.FLOATS,
    )
