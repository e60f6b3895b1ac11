"""Repos over a catalog in a file or on a server, and objects in a folder, anew for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repo, Repos
from headwater.storage import Storage, open_store
from tests.servers.postgres import fresh_catalog


@pytest.fixture
def url(catalog_url: str) -> str:
    return catalog_url


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = fresh_catalog(url)
    yield catalog
    catalog.close()


@pytest.fixture
def storage(catalog: Catalog, tmp_path: Path) -> Storage:
    return Storage(catalog, open_store(f"file:{tmp_path}/objects"), clock=SystemClock())


@pytest.fixture
def repos(catalog: Catalog, storage: Storage) -> Repos:
    return Repos(catalog, storage, clock=SystemClock())


@pytest.fixture
def reviews(repos: Repos) -> Repo:
    return repos.create("reviews")
