"""From where a sweep begins, as far as commits hold it."""

from collections.abc import Iterator

from sqlalchemy import Connection

from headwater.repos.rows import history_store
from headwater.storage import NamedRoot, Pointer


class RepoRoots:
    """The roots of all commits: a `RootSource` of the sweep."""

    def roots(self, conn: Connection) -> Iterator[Pointer]:
        """Yields the trees and the record of every commit, of a purged one its tombstone, and drafts of open ones.

        A thousand commits are read at a time, so there may be any number.
        """
        return (root.place for root in history_store.roots(conn))

    def named_roots(self, conn: Connection) -> Iterator[NamedRoot]:
        """Yields the same, each with the ref of its commit and which of its trees it is."""
        return history_store.roots(conn)
