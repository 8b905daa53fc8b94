"""What the registry takes as a name of a batching, the abstraction layer knows."""

import pytest

from clipper.abstraction.batching import controller_named
from clipper.registry.tuning import BATCHINGS


@pytest.mark.parametrize("name", BATCHINGS)
def test_every_name_has_a_controller(name: str) -> None:
    assert controller_named(name, 8, 0.02).limit(0.02) >= 1
