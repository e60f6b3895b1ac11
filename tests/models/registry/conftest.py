"""A workspace's lower floors with real parts, and what makes versions in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.access import Keys, Signer
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.models import Registry
from headwater.repos import Repos
from headwater.storage import Storage, open_store
from tests.models.registry.maker import Maker


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog.create(f"sqlite:///{tmp_path}/catalog.db")
    yield catalog
    catalog.close()


@pytest.fixture
def repos(catalog: Catalog, tmp_path: Path) -> Repos:
    storage = Storage(catalog, open_store(f"file:{tmp_path}/objects"), clock=SystemClock())
    return Repos(catalog, storage, clock=SystemClock())


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(Keys(tmp_path / "keys"))


@pytest.fixture
def registry(catalog: Catalog, repos: Repos, signer: Signer) -> Registry:
    return Registry(catalog, repos, signer)


@pytest.fixture
def maker(catalog: Catalog, repos: Repos, registry: Registry, signer: Signer) -> Maker:
    return Maker(catalog, repos, registry, signer)
