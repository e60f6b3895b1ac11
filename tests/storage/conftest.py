"""A workspace's storage, small: a catalog on disk and objects in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog
from headwater.storage import ObjectStore, Storage, open_store


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog.create(f"sqlite:///{tmp_path}/catalog.db")
    yield catalog
    catalog.close()


@pytest.fixture
def objects() -> ObjectStore:
    return open_store("memory:")


@pytest.fixture
def storage(catalog: Catalog, objects: ObjectStore) -> Storage:
    return Storage(catalog, objects)
