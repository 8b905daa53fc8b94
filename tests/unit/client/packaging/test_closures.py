"""The code of modules that are not installed travels with a function; that of installed ones does not."""

import contextlib
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cloudpickle
import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

import clipper.core.errors
from clipper.client.packaging.closures import dump_function, has_local_code, is_local

PACKAGE_LOCAL = """
import sys
sys.path.insert(0, sys.argv[1])
import scoring
from clipper.client.packaging.closures import dump_function
def predict(inputs):
    return [scoring.score(each) for each in inputs]
sys.stdout.buffer.write(dump_function(predict if sys.argv[2] == "main" else scoring.predict))
"""
LOAD = "import pickle, sys; print(pickle.load(sys.stdin.buffer)([1, 2]))"


@pytest.mark.parametrize("where", ["main", "module"])
def test_function_of_a_script_loads_where_its_modules_are_not(tmp_path: Path, where: str) -> None:
    (tmp_path / "weights.py").write_text("FACTOR = 10\n", encoding="utf-8")
    (tmp_path / "scoring.py").write_text(
        "import weights\n"
        "def score(x):\n    return x * weights.FACTOR\n"
        "def predict(inputs):\n    return [score(each) for each in inputs]\n",
        encoding="utf-8",
    )
    dumped = subprocess.run(
        [sys.executable, "-c", PACKAGE_LOCAL, tmp_path, where], capture_output=True, check=True, timeout=60
    ).stdout
    loaded = subprocess.run([sys.executable, "-c", LOAD], input=dumped, capture_output=True, check=True, timeout=60)
    assert loaded.stdout.strip() == b"[10, 20]"


def test_modules_are_local_unless_they_are_installed() -> None:
    assert is_local(sys.modules[__name__])
    assert is_local(sys.modules["__main__"])
    for installed in (json, np, msgspec, sys, pytest, clipper.core.errors):
        assert not is_local(installed)


def test_what_the_caller_registered_stays_so_and_nothing_else() -> None:
    module = sys.modules[__name__]
    assert cloudpickle.list_registry_pickle_by_value() == set()
    dump_function(test_modules_are_local_unless_they_are_installed)
    assert cloudpickle.list_registry_pickle_by_value() == set()
    cloudpickle.register_pickle_by_value(module)
    try:
        dump_function(test_modules_are_local_unless_they_are_installed)
        assert cloudpickle.list_registry_pickle_by_value() == {__name__}
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def test_estimator_is_local_if_a_function_in_it_is() -> None:
    assert not has_local_code(LogisticRegression())
    assert not has_local_code(FunctionTransformer(np.log1p))
    assert has_local_code(FunctionTransformer(test_modules_are_local_unless_they_are_installed))


def test_threads_package_one_after_the_other() -> None:
    meeting = threading.Barrier(2, timeout=0.5)
    met: list[bool] = []

    class Slow:
        def __reduce__(self) -> tuple[type[object], tuple[()]]:
            with contextlib.suppress(threading.BrokenBarrierError):
                meeting.wait()
                met.append(True)
            return object, ()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(dump_function, (Slow(), Slow())))
    assert not met
    assert not cloudpickle.list_registry_pickle_by_value()
