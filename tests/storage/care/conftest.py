"""A storage to take care of: its catalog in a file or on a server, its objects in memory, its clock in our hand."""

from collections.abc import Iterator

import pytest

from headwater.db import Catalog
from headwater.storage import ObjectStore, Storage, open_store
from tests.clocks import HandClock
from tests.servers.postgres import fresh_catalog
from tests.storage.care.ledger import Ledger


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def catalog(catalog_url: str, clock: HandClock) -> Iterator[Catalog]:
    catalog = fresh_catalog(catalog_url, clock=clock)
    yield catalog
    catalog.close()


@pytest.fixture
def objects() -> ObjectStore:
    return open_store("memory:")


@pytest.fixture
def storage(catalog: Catalog, objects: ObjectStore, clock: HandClock) -> Storage:
    return Storage(catalog, objects, clock=clock)


@pytest.fixture
def ledger(catalog: Catalog) -> Ledger:
    return Ledger(catalog)
