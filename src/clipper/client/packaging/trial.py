"""Models tried in this process, without a server: what a container would do with them, and what it would answer."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from clipper.client.packaging import PackageOptions, package
from clipper.client.transport import to_json
from clipper.container.batches.inputs import model_inputs
from clipper.container.batches.outputs import encode_outputs
from clipper.container.dry_run import DryRun, dry_run
from clipper.core.errors import ClipperError, ErrorCode
from clipper.core.inputs import InputType
from clipper.core.json_inputs import input_from_json
from clipper.wire.batches import InputBatch, ItemFailure


def try_packaged(model: object, options: PackageOptions) -> DryRun:
    """Package a model and run it on its example, as `deploy_model` would before it answers queries.

    Raises:
        ClipperError: as `package`; MODEL_FAILED with the model's traceback in `detail` if it does not work.
    """
    with tempfile.TemporaryDirectory(prefix="clipper-bundle-") as scratch:
        bundle = Path(scratch) / "bundle"
        package(model, bundle, options)
        return dry_run(bundle)


def try_function(func: Callable[[Any], Any], values: Sequence[object], input_type: InputType) -> list[Any]:
    """What queries with these inputs would receive from a function, called once with all of them.

    Raises:
        ClipperError: INVALID_ARGUMENT for a value of another type, MODEL_FAILED for an output that cannot be sent.
            What `func` raises is raised.
    """
    inputs = [
        input_from_json(msgspec.json.decode(to_json(value)), input_type, f"input[{at}]")
        for at, value in enumerate(values)
    ]
    shapes = [each.shape for each in inputs]
    payload = memoryview(b"".join(each.payload for each in inputs))
    is_uniform = len(set(shapes)) == 1
    batch = InputBatch(input_type.dtype, len(inputs), shapes[:1] if is_uniform else shapes, payload)
    outputs = []
    for outcome in encode_outputs(func(model_inputs(batch)), len(inputs)):
        if isinstance(outcome, ItemFailure):
            raise ClipperError(ErrorCode.MODEL_FAILED, outcome.message)
        outputs.append(msgspec.json.decode(outcome))
    return outputs
