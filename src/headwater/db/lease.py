"""Named leases: who may do what only one may do, for how long, and proof that they still may.

A lease runs out by itself, so a holder that died blocks nobody for long. One
that ran out may be taken; until somebody does, its holder still has it. A
holder that was only slow finds out: every acquisition gets a token greater
than all before, and what is done under a lease checks the token in the very
transaction that does it. Time is the catalog's, so clocks of machines that
differ do not matter.
"""

import msgspec
import sqlalchemy as sa

from headwater.db.catalog import Catalog
from headwater.db.counters import Counters
from headwater.db.errors import LeaseLost
from headwater.db.tables import leases

_TOKENS = "lease-token"


class Lease(msgspec.Struct, frozen=True):
    """What the holder of a lease shows; `token` grows with every acquisition of any lease."""

    name: str
    holder: str
    token: int
    ttl_s: float


class Leases:
    """The leases of one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        """Uses the catalog's own table and clock."""
        self._catalog = catalog

    def acquire(self, name: str, holder: str, ttl_s: float) -> Lease | None:
        """Takes a lease that is free or has run out; none while somebody else holds it.

        A holder that acquires its own lease again gets a new token, and its
        earlier one is lost.
        """
        with self._catalog.read() as conn:
            if self._is_taken(conn, name, holder):
                return None
        with self._catalog.write() as conn:
            if self._is_taken(conn, name, holder):
                return None
            token = Counters.next(conn, _TOKENS)
            conn.execute(leases.delete().where(leases.c.name == name))
            expires_ms = self._expiry(conn, ttl_s)
            conn.execute(leases.insert().values(name=name, holder=holder, token=token, expires_ms=expires_ms))
        return Lease(name, holder, token, ttl_s)

    def renew(self, lease: Lease) -> None:
        """Lets the lease run for its full time again.

        Raises:
            LeaseLost: It ran out and somebody else took it.
        """
        with self._catalog.write() as conn:
            self.check(conn, lease)
            conn.execute(
                leases.update().where(_is_held(lease)).values(expires_ms=self._expiry(conn, lease.ttl_s))
            )

    def check(self, conn: sa.Connection, lease: Lease) -> None:
        """Makes sure, inside the transaction that acts under the lease, that it is still held.

        Raises:
            LeaseLost: It ran out and somebody else took it.
        """
        if conn.execute(sa.select(leases.c.token).where(_is_held(lease))).first() is None:
            raise LeaseLost(lease.name, holder=lease.holder)

    def release(self, lease: Lease) -> None:
        """Gives the lease back; nothing happens if it was lost already."""
        with self._catalog.write() as conn:
            conn.execute(leases.delete().where(_is_held(lease)))

    def _is_taken(self, conn: sa.Connection, name: str, holder: str) -> bool:
        row = conn.execute(
            sa.select(leases.c.holder, leases.c.expires_ms).where(leases.c.name == name)
        ).first()
        return row is not None and row.holder != holder and row.expires_ms > self._catalog.now_ms(conn)

    def _expiry(self, conn: sa.Connection, ttl_s: float) -> int:
        return self._catalog.now_ms(conn) + round(ttl_s * 1000)


def _is_held(lease: Lease) -> sa.ColumnElement[bool]:
    return sa.and_(leases.c.name == lease.name, leases.c.token == lease.token)
