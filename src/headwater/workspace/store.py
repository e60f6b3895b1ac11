"""All SQL of the workspace itself: settings, and how far a move has come.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
import sqlalchemy as sa

from headwater.workspace.tables import move_cursors, workspace_moves, workspace_settings

Role = Literal["source", "target"]
MoveState = Literal["moving", "moved", "copied", "abandoned"]


class Move(msgspec.Struct, frozen=True):
    """One end of a move; `other` is the URL of the other end and `objects` that of the new store, as may be shown."""

    id: str
    role: Role
    state: MoveState
    workspace: str
    other: str
    objects: str
    at_ms: int


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a part of a move has come, and what there was up to there."""

    what: str
    position: bytes | None = None
    count: int = 0
    size: int = 0
    digest: bytes = bytes(32)
    later: bool = False
    done: bool = False


def settings_in(conn: sa.Connection) -> dict[str, str]:
    """Returns the settings that the catalog keeps; none for a workspace in a folder."""
    rows = conn.execute(sa.select(workspace_settings.c.name, workspace_settings.c.value))
    return {row.name: row.value for row in rows}


def keep_settings(conn: sa.Connection, rows: Mapping[str, str]) -> None:
    """Replaces all settings."""
    conn.execute(sa.delete(workspace_settings))
    conn.execute(sa.insert(workspace_settings), [{"name": name, "value": rows[name]} for name in rows])


def move_under_way(conn: sa.Connection, role: Role) -> Move | None:
    """Returns the newest move that this catalog is an end of, unless it was given up."""
    row = conn.execute(
        sa.select(*(workspace_moves.c[name] for name in Move.__struct_fields__))
        .where(workspace_moves.c.role == role, workspace_moves.c.state != "abandoned")
        .order_by(workspace_moves.c.at_ms.desc())
    ).first()
    return None if row is None else Move(*row)


def keep_move(conn: sa.Connection, move: Move) -> None:
    """Writes a move, in place of what was known of it."""
    conn.execute(sa.delete(workspace_moves).where(workspace_moves.c.id == move.id))
    conn.execute(sa.insert(workspace_moves).values(msgspec.structs.asdict(move)))


def forget_moves(conn: sa.Connection, role: Role) -> None:
    """Forgets the moves that this catalog was an end of."""
    conn.execute(sa.delete(workspace_moves).where(workspace_moves.c.role == role))


def cursor_of(conn: sa.Connection, what: str) -> Cursor:
    """Returns how far a part of the move has come; a part not begun is at its start."""
    columns = [move_cursors.c[name] for name in Cursor.__struct_fields__]
    row = conn.execute(sa.select(*columns).where(move_cursors.c.what == what)).mappings().first()
    return Cursor(what=what) if row is None else Cursor(**row)


def keep_cursor(conn: sa.Connection, cursor: Cursor) -> None:
    """Remembers how far a part of the move has come."""
    conn.execute(sa.delete(move_cursors).where(move_cursors.c.what == cursor.what))
    conn.execute(sa.insert(move_cursors).values(msgspec.structs.asdict(cursor)))


def forget_cursors(conn: sa.Connection) -> None:
    """Begins again."""
    conn.execute(sa.delete(move_cursors))
