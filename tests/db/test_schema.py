"""Migrations: the schema they make, and catalogs older and newer than the code."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import headwater.db
from headwater.clock import SystemClock
from headwater.db import Catalog, metadata, schema
from headwater.db.tables import schema_history
from headwater.errors import VersionMismatch
from tests.servers.postgres import fresh_catalog


class OldCatalog(Catalog):
    """A catalog as the first Headwater would have made it."""

    def _migrate(self) -> None:
        with self._backend.migrating() as conn:
            schema.migrate(conn, now_ms=0, to=schema.revisions()[0])


def history(catalog: Catalog) -> list[str]:
    with catalog.read() as conn:
        return list(
            conn.execute(sa.select(schema_history.c.revision).order_by(schema_history.c.id)).scalars()
        )


def test_the_migrations_make_the_tables_of_all_floors(catalog_url: str) -> None:
    catalog = fresh_catalog(catalog_url)
    package = Path(headwater.db.__file__).parent.parent
    for tables in package.glob("*/tables.py"):
        importlib.import_module(f"headwater.{tables.parent.name}.tables")

    with catalog.read() as conn:
        differences = compare_metadata(
            MigrationContext.configure(conn, opts={"compare_type": True}), metadata
        )

    assert differences == []


def test_migrations_are_one_chain_in_the_order_of_their_numbers() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(chain)) == schema.revisions()


def test_an_older_catalog_is_migrated_when_opened(empty_url: str) -> None:
    OldCatalog.create(empty_url).close()

    catalog = Catalog.open(empty_url)

    assert history(catalog) == [schema.revisions()[0], schema.revisions()[-1]]


def test_a_newer_catalog_is_refused_and_left_alone(catalog_url: str) -> None:
    catalog = fresh_catalog(catalog_url)
    with catalog.write() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        conn.execute(schema_history.insert().values(revision="9999", headwater="7.3.1", applied_ms=1))
    catalog.close()

    with pytest.raises(VersionMismatch) as caught:
        Catalog.open(catalog_url)

    assert "9999" in caught.value.message
    assert schema.revisions()[-1] in caught.value.message
    assert "7.3.1" in caught.value.hint


OPEN = """
import sys
from headwater.db import Catalog
sys.stdin.readline()
Catalog.open(sys.argv[1]).close()
"""


def test_of_processes_that_open_an_old_catalog_at_once_one_migrates(empty_url: str) -> None:
    OldCatalog.create(empty_url).close()
    openers = [
        subprocess.Popen([sys.executable, "-c", OPEN, empty_url], stdin=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    results = [opener.wait() for opener in openers]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.close()

    assert results == [0, 0, 0]
    assert len(history(Catalog.open(empty_url))) == 2


CHECK = """
import sys
from headwater.db import Catalog
Catalog.open(sys.argv[1]).close()
assert "alembic" not in sys.modules
"""


def test_opening_a_current_catalog_loads_no_migration_code(catalog_url: str) -> None:
    fresh_catalog(catalog_url).close()

    subprocess.run([sys.executable, "-c", CHECK, catalog_url], check=True)


def test_a_copy_that_lost_its_write_ahead_log_gets_it_back(
    url: str, catalog: Catalog, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    import sqlite3

    source = sqlite3.connect(tmp_path / "catalog.db")
    source.execute("VACUUM INTO ?", (str(copy),))
    source.close()

    with Catalog.open(f"sqlite:///{copy}").read() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_leases_go_by_the_clock_of_the_catalog(catalog_url: str) -> None:
    class Noon(SystemClock):
        def now_ms(self) -> int:
            return 42

    catalog = fresh_catalog(catalog_url, clock=Noon())

    with catalog.read() as conn:
        assert catalog.now_ms(conn) == 42
