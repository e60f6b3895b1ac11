"""Counts what a workspace asks of its catalog and its store, and how many nodes of trees it decodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.cursor import CursorFetchStrategy

from headwater.storage import Storage


@dataclass
class Cost:
    """What was asked meanwhile."""

    statements: int = 0
    rows: int = 0
    reads: int = 0
    nodes: int = 0


@contextmanager
def counted(storage: Storage) -> Iterator[Cost]:
    """Counts statements, rows read or written, reads of segments, and decoded nodes."""
    cost = Cost()
    reads, nodes = _reads(storage), storage.nodes.decoded

    def hear(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        cost.statements += 1
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            cost.rows += max(cursor.rowcount, 0)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("fetchone", "fetchmany", "fetchall"):
            patch.setattr(CursorFetchStrategy, name, _counting(getattr(CursorFetchStrategy, name), cost))
        sa.event.listen(sa.Engine, "after_cursor_execute", hear)
        try:
            yield cost
        finally:
            sa.event.remove(sa.Engine, "after_cursor_execute", hear)
    cost.reads, cost.nodes = _reads(storage) - reads, storage.nodes.decoded - nodes


def _reads(storage: Storage) -> int:
    return storage.reader.object_reads + storage.reader.row_reads


def _counting(fetch: Any, cost: Cost) -> Any:
    def counting(*args: Any, **named: Any) -> Any:
        found = fetch(*args, **named)
        cost.rows += len(found) if isinstance(found, list) else found is not None
        return found

    return counting
