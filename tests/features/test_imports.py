"""Importing the floor costs nothing heavy."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn", "xgboost", "matplotlib")


@pytest.mark.parametrize("floor", ["headwater.features", "headwater.models"])
def test_a_facade_imports_no_heavy_library(floor: str) -> None:
    script = f"import sys, {floor}; print([name for name in {HEAVY!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "[]"
