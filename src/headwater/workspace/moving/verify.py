"""Proves that a moved workspace is the one that it was, before anybody may open it.

Every row is read again from the new catalog, every object from the new store,
and the tree of everything that a branch or tag names is opened.
"""

from headwater.errors import Error
from headwater.storage import open_store
from headwater.telemetry import Progress
from headwater.workspace import store
from headwater.workspace.moving.objects import CURSOR, check_objects
from headwater.workspace.moving.rows import moving_tables, sum_of
from headwater.workspace.parts import Parts


def faults_of(parts: Parts, progress: Progress, *, same_objects: bool = False) -> list[str]:
    """Returns everything about a moved workspace that is not as it was; nothing when it is whole.

    Args:
        parts: The workspace at its new place.
        progress: Hears how far it is.
        same_objects: The objects stayed where they were.
    """
    objects = [] if same_objects else _objects(parts, progress)
    return [*_tables(parts, progress), *objects, *_heads(parts)]


def _tables(parts: Parts, progress: Progress) -> list[str]:
    faults = []
    tables = moving_tables(parts.catalog)
    progress.start("Reading tables back", len(tables))
    for table in tables:
        with parts.catalog.read() as conn:
            moved = store.cursor_of(conn, table.name)
        count, total = sum_of(parts.catalog, table)
        if count != moved.count:
            faults.append(f"the table {table.name} has {count} rows instead of {moved.count}")
        elif total != moved.digest:
            faults.append(f"rows of the table {table.name} are not as they were")
        progress.advance()
    progress.finish()
    return faults


def _objects(parts: Parts, progress: Progress) -> list[str]:
    with parts.catalog.read() as conn:
        moved = store.cursor_of(conn, CURSOR)
    total, faults = check_objects(parts.catalog, open_store(parts.objects_url), progress)
    if not faults and total != moved.digest:
        faults.append("objects are not as they were")
    return faults


def _heads(parts: Parts) -> list[str]:
    faults = []
    for repo in parts.repos.list():
        opened = parts.repos.get(repo.name)
        for ref in [*opened.branches(), *opened.tags()]:
            try:
                if ref.commit is not None:
                    next(opened.at(ref.commit).list("/"), None)
            except Error as error:
                faults.append(f"{repo.name}@{ref.name} cannot be read: {error.message}")
    return faults
