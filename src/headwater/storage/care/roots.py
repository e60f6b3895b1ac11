"""What upper floors tell storage about what must be kept.

A root is a pointer to a tree of files, a map tree or a record: whatever can
be reached from it stays. Each floor that keeps pointers in its tables has a
source. A source must name, in one snapshot of the catalog, everything that a
later transaction may build on; what it leaves out is swept.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import sqlalchemy as sa

from headwater.storage.values import Pointer


class RootSource(Protocol):
    """Keeps pointers, and names them."""

    def roots(self, conn: sa.Connection) -> Iterator[Pointer]:
        """Yields every pointer that is kept, as of the connection's snapshot, in any order; again is harmless."""
        ...


class NamedRoot(NamedTuple):
    """A root and what a person knows it as."""

    place: Pointer
    ref: str
    role: str


@runtime_checkable
class NamesRoots(Protocol):
    """A source that can say which commit, job or memo each of its roots belongs to."""

    def named_roots(self, conn: sa.Connection) -> Iterator[NamedRoot]:
        """Yields what `roots` yields, each with its name: the ref of a commit, and which of its trees it is."""
        ...


def named(source: RootSource, conn: sa.Connection) -> Iterator[NamedRoot]:
    """Yields the roots of a source with names, as far as it has some."""
    if isinstance(source, NamesRoots):
        yield from source.named_roots(conn)
        return
    for place in source.roots(conn):
        yield NamedRoot(place, "", "")
