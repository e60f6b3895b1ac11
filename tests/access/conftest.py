"""A catalog, keys and a clock that a test moves by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.access import Keys, Tokens
from headwater.db import Catalog
from tests.clocks import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog.create(f"sqlite:///{tmp_path}/catalog.db")
    yield catalog
    catalog.close()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


@pytest.fixture
def tokens(catalog: Catalog, keys: Keys, clock: HandClock) -> Tokens:
    return Tokens(catalog, keys, workspace="w1", clock=clock)
