"""A catalog of its own for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/catalog.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Gives, in one test after the other, where a catalog can be made: a file, and a database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = Catalog.create(url)
    yield catalog
    catalog.close()
