"""Models of one framework, deployed by the public client, asked over HTTP, and compared with what they should say.

The framework's own program (`tests/frameworks/own`) has left in `folder` the models, `inputs.npy` and its own answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clipper.client import Clipper, ClipperError
from clipper.client.queries import Prediction
from clipper.core.errors import ErrorCode
from tests.frameworks.environments import requirements_of

INPUTS = 1000
"""Random ones, of which each framework's answers are compared."""

SLO_US = 20_000_000
"""Frameworks are compared here, not timed."""

MARK = 999.0
"""The first number of an input that `raise_at_mark` does not like."""

_AT_ONCE = 100


@dataclass
class Bench:
    """See the module."""

    framework: str
    clipper: Clipper
    folder: Path

    @cached_property
    def inputs(self) -> NDArray[Any]:
        return self.saved("inputs")

    def saved(self, name: str) -> NDArray[Any]:
        """What the framework's own program has saved under a name."""
        values: NDArray[Any] = np.load(self.folder / f"{name}.npy")
        return values

    def deploy(self, name: str, model: object, **options: Any) -> str:
        """Deploy a model in the framework's environment; the name of its application, which is its own too."""
        full_name = f"{self.framework}-{name}".replace("_", "-")
        if "requirements" not in options:
            options["requirements"] = requirements_of(self.framework)
        self.clipper.deploy_model(full_name, 1, model, **options)
        self.link(full_name)
        return full_name

    def link(self, name: str) -> None:
        """Give a deployed model an application of its own."""
        info = self.clipper.get_model_info(name, 1)
        assert info is not None
        self.clipper.register_application(name, info["input_type"], '"none"', SLO_US)
        self.clipper.link_model_to_app(name, name)

    def predictions(self, name: str, inputs: Any) -> list[Prediction]:
        application = self.clipper.application(name)
        return [
            each
            for start in range(0, len(inputs), _AT_ONCE)
            for each in application.predict_batch(inputs[start : start + _AT_ONCE])
        ]

    def outputs(self, name: str, inputs: Any = None) -> list[Any]:
        """What a model answers over HTTP, by default to all the inputs; fails the test for a default output."""
        found = self.predictions(name, self.inputs if inputs is None else inputs)
        assert [each.default_explanation for each in found if each.default] == []
        return [each.output for each in found]

    def refusal(self, model: object, **options: Any) -> ClipperError:
        """Why a model cannot be deployed."""
        with pytest.raises(ClipperError) as caught:
            self.deploy("refused", model, **options)
        return caught.value

    def check_corrupt(self, path: Path, *words: str) -> None:
        """Half of a file is refused in words that name it or its framework."""
        damaged = self.folder / f"damaged{path.suffix}"
        content = path.read_bytes()
        damaged.write_bytes(content[: len(content) // 2])
        refusal = self.refusal(damaged, framework=self.framework)
        assert refusal.code in (ErrorCode.MODEL_FAILED, ErrorCode.INVALID_ARGUMENT)
        assert any(word in refusal.message for word in words), refusal.message

    def check_misfit(self, name: str, *words: str) -> None:
        """An input of another shape is told so, and its batch-mates get what they get without it."""
        good = self.inputs[:2].tolist()
        first, bad, second = self.predictions(name, [good[0], good[1][:3], good[1]])
        assert [first.output, second.output] == self.outputs(name, self.inputs[:2])
        assert bad.default
        assert any(word in str(bad.default_explanation) for word in words), bad.default_explanation

    def check_raising(self, name: str, model: object, function: Callable[[Any, Any], Any], **options: Any) -> None:
        """A model that raises on one input of a batch answers the others."""
        deployed = self.deploy(name, model, function=function, **options)
        inputs = self.inputs[:5].copy()
        inputs[2].flat[0] = MARK
        found = self.predictions(deployed, inputs)
        assert [each.default for each in found] == [False, False, True, False, False]
        assert "the mark was found" in str(found[2].default_explanation)


def close(found: Sequence[Any], expected: NDArray[Any], tolerance: float) -> None:
    """Fail unless all numbers are the same but for `tolerance`."""
    np.testing.assert_allclose(np.asarray(found, np.float64), expected.astype(np.float64), rtol=0, atol=tolerance)
