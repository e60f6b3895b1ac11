"""Which schema a catalog has, and how it becomes the newest.

A migration is a file `NNNN_name.py` whose number is its revision, so the newest
one is known from the names alone and opening a current catalog loads no
migration code. Migrations only go forward; all missing ones run in one
transaction, during which nobody else writes.
"""

import re
from functools import cache
from importlib import metadata as packages
from pathlib import Path

import sqlalchemy as sa

from headwater.db.tables import schema_history
from headwater.errors import VersionMismatch

MIGRATIONS = Path(__file__).parent / "migrations"
_ANY_TABLE = "SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') LIMIT 1"
# Other programs use Alembic too, and a schema may be shared with one by mistake.
_BOTH_TABLES = (
    "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL AND to_regclass('schema_history') IS NOT NULL"
)
_NAME = re.compile(r"(\d{4})_\w+\.py")


@cache
def revisions() -> tuple[str, ...]:
    """Returns the revisions that this code knows, oldest first."""
    names = (_NAME.fullmatch(entry.name) for entry in (MIGRATIONS / "versions").iterdir())
    return tuple(sorted(match[1] for match in names if match))


def is_empty(conn: sa.Connection) -> bool:
    """Tells whether the file or schema has no tables at all."""
    query = "SELECT 1 FROM sqlite_master LIMIT 1" if conn.dialect.name == "sqlite" else _ANY_TABLE
    return conn.exec_driver_sql(query).first() is None


def current_revision(conn: sa.Connection) -> str | None:
    """Returns the catalog's revision; none where there is no catalog."""
    if conn.dialect.name == "sqlite":
        found = conn.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
    else:
        found = conn.exec_driver_sql(_BOTH_TABLES).first()
    if not found:
        return None
    row = conn.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return str(row[0]) if row else None


def is_current(conn: sa.Connection, revision: str) -> bool:
    """Tells whether the catalog is at the newest revision this code knows.

    Raises:
        VersionMismatch: The catalog was migrated by a newer Headwater.
    """
    if revision not in revisions():
        maker = conn.execute(
            sa.select(schema_history.c.headwater).order_by(schema_history.c.id.desc())
        ).scalar()
        raise VersionMismatch(
            f"This workspace has schema {revision}; this Headwater ({headwater_version()}) knows up to {revisions()[-1]}.",
            hint=f"Install Headwater {maker} or newer: pip install --upgrade 'headwater>={maker}'",
        )
    return revision == revisions()[-1]


def migrate(conn: sa.Connection, *, now_ms: int, to: str | None = None) -> None:
    """Brings the catalog to revision `to`, or the newest, inside the caller's write transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    target = to or revisions()[-1]
    command.upgrade(config, target)
    conn.execute(
        schema_history.insert().values(revision=target, headwater=headwater_version(), applied_ms=now_ms)
    )


def headwater_version() -> str:
    """Returns the version of the installed package."""
    try:
        return packages.version("headwater")
    except packages.PackageNotFoundError:
        return "0"
