"""A bench for planners between states of repos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.inputs.workbench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()
