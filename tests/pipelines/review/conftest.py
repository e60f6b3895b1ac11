"""The workspaces of the tests of engine and dag, side by side."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.pipelines.runtime import CALLS
from tests.pipelines.dag.conftest import flow
from tests.pipelines.engine.conftest import Bench, bench, open_bench

__all__ = ["bench", "flow"]


@pytest.fixture
def reading(tmp_path: Path, catalog_url: str) -> Iterator[Bench]:
    """Gives a workspace whose datum sets say what they could not read, as real ones do."""
    calls = dict.fromkeys(CALLS, "tests.pipelines.review.calls:run_set")
    with open_bench(tmp_path, catalog_url, calls=calls) as bench:
        yield bench
