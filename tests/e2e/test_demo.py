"""`clipper demo` from beginning to end: its own promises are the test."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(300)
def test_demo_keeps_its_promises_and_leaves_nothing_running() -> None:
    done = subprocess.run([sys.executable, "-m", "clipper", "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every one of" in done.stdout
    for step in ("Ensemble", "It breaks", "Repaired", "Each user"):
        assert f"✓ {step}" in done.stdout
    assert "\x1b" not in done.stdout
