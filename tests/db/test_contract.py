"""Both backends keep the contract of a catalog."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog
from headwater.db.contract import CatalogContract
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = Catalog.open(url) if url.startswith("postgresql:") else Catalog.create(url)
    yield catalog
    catalog.close()


class TestSqlite(CatalogContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/catalog.db"


class TestPostgres(CatalogContract):
    @pytest.fixture
    def url(self, postgres_catalog_url: str) -> str:
        return postgres_catalog_url


class TestPostgresInASchemaOfADatabaseWithItsOwnOrder(CatalogContract):
    @pytest.fixture
    def url(self, postgres_server: PostgresServer) -> Iterator[str]:
        name = postgres_server.database(icu_locale="en-US")
        url = f"{postgres_server.url(name)}?schema=team_a"
        Catalog.create(url).close()
        yield url
        postgres_server.drop(name)
