"""The root package offers its public names and refuses others as any module does."""

import pytest

import clipper


def test_public_names_are_listed() -> None:
    assert set(dir(clipper)) == {"__version__", "connect", "serve"}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        _ = clipper.predict
