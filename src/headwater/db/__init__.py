"""The catalog engine: transactions, turns, snapshots, changes, migrations, leases and counters.

    catalog = Catalog.open("sqlite:////data/.headwater/catalog.db")
    with catalog.write() as conn:
        conn.execute(...)

Every floor puts its tables into `metadata` and its migration into
`migrations/versions`. Knows nothing of what the floors keep.
"""

from headwater.db.barrier import lift_barrier, raise_barrier
from headwater.db.catalog import Catalog
from headwater.db.counters import Counters
from headwater.db.errors import (
    CatalogClosed,
    CatalogCorrupt,
    CatalogNotFound,
    CatalogUnavailable,
    LeaseLost,
    NestedTransaction,
    NetworkFileSystem,
    TransactionUndone,
    WriteInSnapshot,
)
from headwater.db.later import later
from headwater.db.lease import Lease, Leases
from headwater.db.metadata import KEY, metadata
from headwater.db.watch import ChangeWatch

__all__ = [
    "KEY",
    "Catalog",
    "CatalogClosed",
    "CatalogCorrupt",
    "CatalogNotFound",
    "CatalogUnavailable",
    "ChangeWatch",
    "Counters",
    "Lease",
    "LeaseLost",
    "Leases",
    "NestedTransaction",
    "NetworkFileSystem",
    "TransactionUndone",
    "WriteInSnapshot",
    "later",
    "lift_barrier",
    "metadata",
    "raise_barrier",
]
