"""Numbers that are given out once: segment ids, model versions, fencing tokens."""

import sqlalchemy as sa

# One statement that SQLite (3.35 and later) and PostgreSQL both read.
_NEXT = sa.text(
    "INSERT INTO counters (name, value) VALUES (:name, :n) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value"
)


class Counters:
    """Counters by name, each from 1 upward."""

    @staticmethod
    def next(conn: sa.Connection, name: str, n: int = 1) -> int:
        """Returns the first of `n` consecutive numbers that no committed transaction was given before.

        Numbers taken by a transaction that is undone were never given out.
        """
        return int(conn.execute(_NEXT, {"name": name, "n": n}).scalar_one()) - n + 1
