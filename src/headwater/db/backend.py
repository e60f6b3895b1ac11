"""What a database server or library must do to be a catalog; the facade over it is `Catalog`.

Each backend says in its own words where the catalog is, begins transactions
as they are meant, and turns its driver's errors into the catalog's. Which
statements are run is no concern of it.
"""

from contextlib import AbstractContextManager
from typing import Literal, Protocol

import sqlalchemy as sa

from headwater.db.watch import ChangeWatch
from headwater.errors import Error

Dialect = Literal["sqlite", "postgresql"]


class Backend(Protocol):
    """The place of one catalog.

    Every backend promises:
    - What a transaction wrote is durable when its block has ended without an error.
    - A reader sees the moment its block began, waits for nobody and holds nobody up.
    - Of `turn`, `write(shared=False)` and `write(shared=True)`, only the last runs beside others of its kind.
    - An error on its way out of a block undoes all of it; so does the death of the process.
    - Threads and forked children may use it at once.
    """

    dialect: Dialect
    place: str
    engine: sa.Engine

    def prepare(self) -> None:
        """Makes sure that a catalog can be made here; what is here already is left alone."""
        ...

    def read(self) -> AbstractContextManager[sa.Connection]:
        """Gives a connection that sees one moment and may not write."""
        ...

    def write(self, *, shared: bool) -> AbstractContextManager[sa.Connection]:
        """Gives a connection for one transaction; inside the thread's own turn it does not wait."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Keeps all others from writing; a thread may nest it."""
        ...

    def migrating(self) -> AbstractContextManager[sa.Connection]:
        """Gives, inside a turn, a connection for a transaction that may change tables."""
        ...

    def is_current(self, conn: sa.Connection) -> bool:
        """Tells whether nothing but the schema could be out of date."""
        ...

    def no_catalog(self, *, is_empty: bool) -> Error:
        """Returns the error for a place that holds nothing, or something else."""
        ...

    def already(self) -> Error:
        """Returns the error for a place that holds something already."""
        ...

    def server_ms(self, conn: sa.Connection) -> int | None:
        """Returns the server's time; none where the machine's is the catalog's."""
        ...

    def announce(self, conn: sa.Connection) -> None:
        """Says, when the transaction has ended well, to those who watch that they shall look."""
        ...

    def watch(self) -> ChangeWatch:
        """Returns what hears of every `write(shared=False)`, and of every announcement."""
        ...

    def close(self) -> None:
        """Lets go of all connections that are not in use."""
        ...
