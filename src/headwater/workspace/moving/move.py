"""The steps of a move, each of which may be repeated.

1. The source's barrier goes up: nobody changes it from then on, and whoever
   tries is told why. Its catalog keeps where it is going.
2. The target's catalog is made, and keeps from where it comes. Until the last
   step nobody can open it.
3. Rows, objects, numbers and keys are brought.
4. Everything is read back and compared.
5. The target is marked whole; then the source as moved.

Killed in between, the source is whole and closed to writers, and the same
command goes on; with `abandon` it opens the source again instead.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import MoveInfo
from headwater.clock import Clock, SystemClock
from headwater.db import Catalog, lift_barrier, raise_barrier
from headwater.errors import InvalidInput, NotFound, Unavailable
from headwater.ids import random_id
from headwater.settings import (
    CONFIG,
    CatalogPlace,
    Config,
    FolderPlace,
    Place,
    locate,
    make_folder,
    place_of,
    redacted,
    write_config,
)
from headwater.storage import open_store
from headwater.telemetry import Progress, Silent
from headwater.workspace import store
from headwater.workspace.errors import MoveIncomplete, MoveInTheWay, WorkspaceExists, WorkspaceMoved
from headwater.workspace.moving.numbers import carry_numbers
from headwater.workspace.moving.objects import copy_objects
from headwater.workspace.moving.rows import copy_tables, empty_tables, row_counts
from headwater.workspace.moving.verify import faults_of
from headwater.workspace.parts import Parts
from headwater.workspace.places import (
    catalog_url,
    chosen_objects,
    made_catalog,
    opened,
    parts_of,
    settings_at,
    shown,
)
from headwater.workspace.setting_rows import config_rows

_CLOCK = SystemClock()
_SILENT = Silent()
# Stay open behind a barrier, so that the move itself can say how it went, and a newer Headwater give it up.
_BESIDES = ("workspace_moves", "alembic_version", "schema_history")


def move_workspace(
    source: str | Path | None,
    to: str | Path | None,
    *,
    objects: str | None = None,
    keep: bool = False,
    abandon: bool = False,
    progress: Progress = _SILENT,
    clock: Clock = _CLOCK,
) -> MoveInfo:
    """Moves a workspace to another place; run again, it goes on where it was cut off.

    Args:
        source: The workspace's URL; none looks for it as every command does.
        to: Where it goes: a folder, or the URL of a catalog.
        objects: Where its objects go; a folder has a place for them, a catalog keeps a bucket that they are in.
        keep: Leave the source usable: what is made is a copy, and the two go apart from then on.
        abandon: Give up a move that did not come to its end, so that the workspace can be used where it is.
        progress: Hears how far it is.
        clock: What times go by.

    Raises:
        MoveInTheWay: Workers or servers are up, or it is being moved to another place.
        WorkspaceExists: There is another workspace at the place.
        MoveIncomplete: What arrived is not what was sent; the source is as it was.
    """
    with _source(locate(None if source is None else str(source)), clock) as ours:
        if abandon:
            return _abandon(ours, clock)
        if to is None:
            raise InvalidInput(
                "It was not said where to.", hint="Name a folder, or postgresql://host/database."
            )
        place = place_of(str(to))
        going = _going(ours, place)
        if going is not None and going.state == "moved":
            return _info(ours.place, place, going, {})
        config = _new_config(ours, place, objects)
        _refuse_same(ours, place, config, keep=keep)
        move = going or _new_move(ours, place, config, clock)
        _refuse_other_objects(move, config)
        with ours.catalog.read() as conn:
            _refuse_busy(ours, conn)
        with made_catalog(place, config, clock) as catalog, catalog.writer_turn():
            counts = _carry_out(
                ours, parts_of(place, config, catalog, clock), move, progress, is_new=going is None
            )
            ended = msgspec.structs.replace(move, state="copied" if keep else "moved")
            _release(ours, ended)
            return _info(ours.place, place, ended, counts)


def _carry_out(
    ours: Parts, theirs: Parts, move: store.Move, progress: Progress, *, is_new: bool
) -> dict[str, int]:
    """Does what is left to do, in the target's turn, so that a second command waits for the first."""
    coming = _coming(theirs, move)
    if is_new:
        _close(ours, move)
    if coming is None:
        _expect(ours, theirs.catalog, move)
    is_whole = coming is not None and coming.state == "moved"
    counts = {} if is_whole else _bring(ours, theirs, progress)
    with ours.catalog.writer_turn():  # so that nobody gives the move up between the look and the last step
        if not is_whole:
            _refuse_given_up(ours, move)
        _complete(ours, theirs, move)
    return counts


def _abandon(ours: Parts, clock: Clock) -> MoveInfo:
    with ours.catalog.writer_turn():
        with ours.catalog.read() as conn:
            going = store.move_under_way(conn, "source")
        if going is None or going.state != "moving":
            raise MoveInTheWay(
                f"The workspace at {shown(ours.place)} is not being moved.",
                hint="There is nothing to give up.",
            )
        if _has_arrived(ours, going, clock):
            raise MoveInTheWay(
                f"Everything has arrived at {going.other}, and the workspace may be in use there.",
                hint="Run the same move again: only its last step is left.",
            )
        given_up = msgspec.structs.replace(going, state="abandoned")
        _release(ours, given_up)
    return _info(ours.place, place_of(going.other), given_up, {})


def _has_arrived(ours: Parts, going: store.Move, clock: Clock) -> bool:
    """Tells whether the target is open already; both open would go apart, and remove each other's objects."""
    try:
        with (
            opened(place_of(going.other), clock, config=Config(), keep=False) as catalog,
            catalog.read() as conn,
        ):
            coming = store.move_under_way(conn, "target")
    except NotFound:
        return False
    except Unavailable:
        if going.objects == redacted(ours.objects_url):
            raise
        return False
    return coming is not None and coming.id == going.id and coming.state == "moved"


def _refuse_given_up(ours: Parts, move: store.Move) -> None:
    with ours.catalog.read() as conn:
        going = store.move_under_way(conn, "source")
    if going is None or going.id != move.id:
        raise MoveInTheWay(
            f"The move of {shown(ours.place)} was given up meanwhile; it takes changes again.",
            hint="Move it anew.",
        )


@contextmanager
def _source(place: Place, clock: Clock) -> Iterator[Parts]:
    with opened(place, clock, keep=False) as catalog:
        yield parts_of(place, settings_at(place, catalog), catalog, clock)


def _going(ours: Parts, place: Place) -> store.Move | None:
    """Returns the move that is under way to this place, if there is one."""
    with ours.catalog.read() as conn:
        going = store.move_under_way(conn, "source")
    if going is None or going.state == "copied":
        return None
    if going.other != shown(place):
        if going.state == "moved":
            raise WorkspaceMoved(shown(ours.place), to=going.other)
        raise MoveInTheWay(
            f"The workspace at {shown(ours.place)} is already being moved to {going.other}.",
            hint="Go on with that, or give it up: headwater move --abandon",
        )
    return going


def _new_config(ours: Parts, place: Place, objects: str | None) -> Config:
    """Returns the settings that the workspace will have at its new place."""
    stays = isinstance(place, CatalogPlace) and not ours.objects_url.startswith("file:")
    setting = ours.objects_url if objects is None and stays else chosen_objects(place, objects)
    return msgspec.structs.replace(ours.config, catalog=Config().catalog, objects=setting)


def _refuse_same(ours: Parts, place: Place, config: Config, *, keep: bool) -> None:
    if catalog_url(place, config) == ours.catalog.url:
        raise InvalidInput(f"The workspace is at {shown(place)}.", hint="Name another place to move it to.")
    if keep and ours.objects_url == config.objects:
        raise InvalidInput(
            "Two workspaces cannot share their objects: what one removes, the other would miss.",
            hint="Name another store with --objects, or leave --keep out.",
        )


def _new_move(ours: Parts, place: Place, config: Config, clock: Clock) -> store.Move:
    return store.Move(
        id=random_id(),
        role="source",
        state="moving",
        workspace=ours.config.workspace,
        other=shown(place),
        objects=redacted(config.objects),
        at_ms=clock.now_ms(),
    )


def _refuse_other_objects(move: store.Move, config: Config) -> None:
    if move.objects != redacted(config.objects):
        raise MoveInTheWay(
            f"The objects are already being moved to {move.objects}, not to {redacted(config.objects)}.",
            hint="Go on with that, or give the move up: headwater move --abandon",
        )


def _coming(theirs: Parts, move: store.Move) -> store.Move | None:
    """Returns what the target knows of this move; makes sure that there is nothing else in it.

    Raises:
        WorkspaceExists: There is a workspace.
    """
    with theirs.catalog.read() as conn:
        coming = store.move_under_way(conn, "target")
        is_settled = bool(store.settings_in(conn))
    if coming is not None and coming.id == move.id:
        return coming
    given_up = coming is not None and coming.state == "moving" and coming.workspace == move.workspace
    has_file = isinstance(theirs.place, FolderPlace) and (theirs.folder / CONFIG).exists()
    if has_file or is_settled or (not given_up and row_counts(theirs.catalog)["repos"]):
        raise WorkspaceExists(shown(theirs.place))
    return None


def _close(ours: Parts, move: store.Move) -> None:
    """Commits what endpoints have answered, then lets nobody change the source any more."""
    if (ours.folder / "spool").is_dir():
        ours.predictions.recover()
    with ours.catalog.writer_turn(), ours.catalog.write() as conn:
        _refuse_busy(ours, conn)
        store.keep_move(conn, move)
        raise_barrier(conn, f"This workspace is being moved to {move.other}.", besides=_BESIDES)


def _refuse_busy(ours: Parts, conn: Connection) -> None:
    busy = ours.roster.live(conn)
    if busy:
        who = [f"{one.kind} {one.pid} on {one.host}" for one in busy]
        raise MoveInTheWay(
            f"The workspace is in use: {', '.join(who)}.", hint="Stop its workers and servers, then move it."
        )


def _expect(ours: Parts, catalog: Catalog, move: store.Move) -> None:
    """Makes the target ready, and closed until everything is in it."""
    empty_tables(catalog)
    with catalog.write() as conn:
        store.forget_moves(conn, "target")
        store.keep_move(conn, msgspec.structs.replace(move, role="target", other=shown(ours.place)))


def _bring(ours: Parts, theirs: Parts, progress: Progress) -> dict[str, int]:
    """Brings everything and proves it; returns how much that was."""
    rows = copy_tables(ours.catalog, theirs.catalog, progress)
    counts = {"rows": rows, "objects": 0, "size": 0}
    faults: list[str] = []
    if ours.objects_url != theirs.objects_url:
        stores = open_store(ours.objects_url), open_store(theirs.objects_url)
        moved, faults = copy_objects(ours.catalog, theirs.catalog, *stores, progress)
        counts |= {"objects": moved.count, "size": moved.size}
    carry_numbers(ours.catalog, theirs.catalog)
    faults = faults or faults_of(theirs, progress, same_objects=ours.objects_url == theirs.objects_url)
    if faults:
        raise MoveIncomplete(shown(ours.place), shown(theirs.place), faults=faults)
    return counts


def _complete(ours: Parts, theirs: Parts, move: store.Move) -> None:
    """Brings keys and settings, and opens the target."""
    theirs.keys.take_over(ours.keys.given_out())
    with ExitStack() as stack:
        stack.enter_context(theirs.catalog.writer_turn())
        conn = stack.enter_context(theirs.catalog.write())
        if isinstance(theirs.place, CatalogPlace):
            store.keep_settings(conn, config_rows(theirs.config))
        coming = msgspec.structs.replace(move, role="target", state="moved", other=shown(ours.place))
        store.keep_move(conn, coming)
        store.forget_cursors(conn)
    if isinstance(theirs.place, FolderPlace):
        make_folder(theirs.place.folder)
        write_config(theirs.place.folder, theirs.config)


def _release(ours: Parts, move: store.Move) -> None:
    """Writes how the move ended; the source stays closed where it is somewhere else now."""
    with ours.catalog.writer_turn(), ours.catalog.write() as conn:
        store.keep_move(conn, move)
        if move.state == "moved":
            raise_barrier(conn, f"This workspace has moved to {move.other}.", besides=_BESIDES)
        else:
            lift_barrier(conn)


def _info(source: Place, target: Place, move: store.Move, counts: dict[str, int]) -> MoveInfo:
    return MoveInfo(
        id=move.id,
        source=shown(source),
        target=shown(target),
        state=move.state,
        rows=counts.get("rows", 0),
        objects=counts.get("objects", 0),
        size=counts.get("size", 0),
    )
