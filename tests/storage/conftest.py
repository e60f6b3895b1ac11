"""A workspace's storage, small: a catalog on disk and objects in memory."""

from collections.abc import Iterator

import pytest

from headwater.db import Catalog
from headwater.storage import ObjectStore, Storage, open_store
from tests.servers.postgres import fresh_catalog


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    catalog = fresh_catalog(catalog_url)
    yield catalog
    catalog.close()


@pytest.fixture
def objects() -> ObjectStore:
    return open_store("memory:")


@pytest.fixture
def storage(catalog: Catalog, objects: ObjectStore) -> Storage:
    return Storage(catalog, objects)
