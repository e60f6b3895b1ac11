"""A root source of the tests' own: names and pointers in a table of the catalog; and commits to it in one line."""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import NamedRoot, Pointer, Put, Storage, Tree

_KEEP = sa.text("INSERT INTO ledger (name, place) VALUES (:name, :place)")
_DROP = sa.text("DELETE FROM ledger WHERE name = :name")
_ALL = sa.text("SELECT name, place FROM ledger ORDER BY name")


class Ledger:
    """Keeps roots by name."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        kind = "BYTEA" if catalog.dialect == "postgresql" else "BLOB"
        with catalog.write() as conn:
            conn.execute(sa.text(f"CREATE TABLE ledger (name TEXT PRIMARY KEY, place {kind} NOT NULL)"))

    def keep(self, conn: sa.Connection, name: str, place: Pointer | None) -> None:
        conn.execute(_DROP, {"name": name})
        if place is not None:
            conn.execute(_KEEP, {"name": name, "place": place.encode()})

    def drop(self, *names: str) -> None:
        with self._catalog.write() as conn:
            for name in names:
                conn.execute(_DROP, {"name": name})

    def roots(self, conn: sa.Connection) -> Iterator[Pointer]:
        return (root.place for root in self.named_roots(conn))

    def named_roots(self, conn: sa.Connection) -> Iterator[NamedRoot]:
        for name, place in conn.execute(_ALL):
            yield NamedRoot(Pointer.decode(bytes(place)), name, "output")

    def commit(
        self, storage: Storage, name: str, files: Mapping[str, bytes], base: Tree | None = None
    ) -> Tree:
        """Publishes a tree and keeps it under a name, in one transaction."""
        writer = storage.writer()
        tree = writer.edit(
            base or storage.tree(None), [Put(path, writer.add(data)) for path, data in files.items()]
        )
        writer.seal()
        with self._catalog.write() as conn:
            writer.publish(conn)
            self.keep(conn, name, tree.root)
        return tree


def contents(storage: Storage, tree: Tree) -> dict[str, bytes]:
    """Returns all files of a tree."""
    return {entry.path: storage.read(entry) for entry in tree.entries()}
