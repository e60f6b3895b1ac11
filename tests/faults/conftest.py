"""A place with a catalog and objects that can be opened again and again, as after a crash."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.death import Life, mortal_catalogs
from tests.faults.place import Place


@pytest.fixture
def life() -> Iterator[Life]:
    life = Life()
    with mortal_catalogs(life):
        yield life


@pytest.fixture
def place(tmp_path: Path, life: Life) -> Place:
    return Place.make(tmp_path / "first", life)
