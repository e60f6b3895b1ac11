"""The catalog engine: transactions, turns, snapshots, migrations, leases and counters.

    catalog = Catalog.open("sqlite:////data/.headwater/catalog.db")
    with catalog.write() as conn:
        conn.execute(...)

Every floor puts its tables into `metadata` and its migration into
`migrations/versions`. Knows nothing of what the floors keep.
"""

from headwater.db.catalog import Catalog
from headwater.db.counters import Counters
from headwater.db.errors import (
    CatalogCorrupt,
    CatalogNotFound,
    CatalogUnavailable,
    LeaseLost,
    NestedTransaction,
    NetworkFileSystem,
    WriteInSnapshot,
)
from headwater.db.lease import Lease, Leases
from headwater.db.metadata import metadata

__all__ = [
    "Catalog",
    "CatalogCorrupt",
    "CatalogNotFound",
    "CatalogUnavailable",
    "Counters",
    "Lease",
    "LeaseLost",
    "Leases",
    "NestedTransaction",
    "NetworkFileSystem",
    "WriteInSnapshot",
    "metadata",
]
