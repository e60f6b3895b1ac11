"""All SQL of what care remembers: objects to be deleted, roots to be erased, when it was taken last.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import sqlalchemy as sa

from headwater.db import Counters
from headwater.storage.care.store import batches
from headwater.storage.tables import care_times, erasures, graves
from headwater.storage.values import Pointer

# The care that is owed from the sweep that took up a purge to the one that rewrote the objects it may lie in.
REWRITE = "rewrite-owed"

# Why an object is to be deleted: all in it was moved out, its upload may come late, or nothing names it.
Reason = Literal["emptied", "late", "orphan"]


def bury(conn: sa.Connection, keys: Iterable[str], reason: Reason, due_ms: int) -> None:
    """Plans the deletion of objects; a plan that there is already stays."""
    for key in keys:
        conn.execute(_BURY, {"key": key, "reason": reason, "due_ms": due_ms})


def hasten(conn: sa.Connection, reason: Reason, due_ms: int) -> None:
    """Brings deletions that were planned for a reason forward."""
    conn.execute(
        sa.update(graves).where(graves.c.reason == reason, graves.c.due_ms > due_ms).values(due_ms=due_ms)
    )


def due_graves(conn: sa.Connection, now_ms: int, limit: int) -> list[str]:
    """Returns objects whose deletion is due."""
    query = sa.select(graves.c.object).where(graves.c.due_ms <= now_ms).order_by(graves.c.due_ms).limit(limit)
    return list(conn.execute(query).scalars())


def close_graves(conn: sa.Connection, keys: Collection[str]) -> None:
    """Forgets plans that were carried out."""
    for some in batches(keys):
        conn.execute(sa.delete(graves).where(graves.c.object.in_(some)))


def planned(conn: sa.Connection, keys: Collection[str]) -> set[str]:
    """Returns those of some objects whose deletion is planned."""
    found: set[str] = set()
    for some in batches(keys):
        found |= set(conn.execute(sa.select(graves.c.object).where(graves.c.object.in_(some))).scalars())
    return found


def ask_erasure(conn: sa.Connection, places: Sequence[Pointer]) -> None:
    """Remembers roots whose bytes are to become unreadable."""
    first = Counters.next(conn, "erasure", len(places)) if places else 0
    rows = [{"number": first + at, "place": place.encode()} for at, place in enumerate(places)]
    if rows:
        conn.execute(sa.insert(erasures), rows)


def erasures_asked(conn: sa.Connection) -> list[tuple[int, Pointer]]:
    """Returns those roots, each with its number."""
    rows = conn.execute(sa.select(erasures.c.number, erasures.c.place).order_by(erasures.c.number))
    return [(number, Pointer.decode(bytes(place))) for number, place in rows]


def erasures_done(conn: sa.Connection, numbers: Collection[int]) -> None:
    """Forgets roots that were seen to."""
    for some in batches(numbers):
        conn.execute(sa.delete(erasures).where(erasures.c.number.in_(some)))


def time_of(conn: sa.Connection, name: str) -> int | None:
    """Returns when a kind of care was taken last."""
    found = conn.execute(sa.select(care_times.c.at_ms).where(care_times.c.name == name)).scalar()
    return None if found is None else int(found)


def set_time(conn: sa.Connection, name: str, at_ms: int) -> None:
    """Remembers when a kind of care was taken."""
    conn.execute(_SET_TIME, {"name": name, "at_ms": at_ms})


def forget_time(conn: sa.Connection, name: str) -> None:
    """Forgets that a kind of care was taken, or is owed."""
    conn.execute(sa.delete(care_times).where(care_times.c.name == name))


# Statements that SQLite (3.24 and later) and PostgreSQL both read.
_BURY = sa.text(
    "INSERT INTO graves (object, reason, due_ms) VALUES (:key, :reason, :due_ms) "
    "ON CONFLICT (object) DO NOTHING"
)
_SET_TIME = sa.text(
    "INSERT INTO care_times (name, at_ms) VALUES (:name, :at_ms) "
    "ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms"
)
