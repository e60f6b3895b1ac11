"""A catalog of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/catalog.db"


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = Catalog.create(url)
    yield catalog
    catalog.close()
