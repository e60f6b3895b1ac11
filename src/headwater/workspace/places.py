"""Opens and makes the place where a workspace is: its catalog, its settings, its folder.

A workspace in a folder has its settings in `headwater.toml`. One without a
folder has them in the catalog, which any number of machines open, and on each
of them a folder per user for what need not be shared. Whatever the place, one
that has moved, or is not whole yet, says so instead of opening.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headwater.clock import Clock
from headwater.db import Catalog, CatalogNotFound
from headwater.errors import AlreadyExists, NotFound
from headwater.ids import random_id
from headwater.settings import (
    CONFIG,
    CatalogPlace,
    Config,
    FolderPlace,
    Place,
    make_folder,
    objects_url,
    read_config,
    redacted,
    state_folder,
    write_config,
)
from headwater.storage import verify_store
from headwater.workspace import store
from headwater.workspace.errors import MoveUnfinished, ObjectsNotNamed, WorkspaceExists, WorkspaceMoved
from headwater.workspace.parts import Parts
from headwater.workspace.setting_rows import config_from, config_rows

_OBJECTS = "objects"


def open_place(place: Place, clock: Clock) -> Parts:
    """Opens the workspace at a place.

    Raises:
        NotFound: There is none.
        WorkspaceMoved: It went elsewhere.
        MoveUnfinished: It is still being brought here.
        VersionMismatch: It was made by a newer Headwater.
    """
    with opened(place, clock) as catalog:
        config = settings_at(place, catalog)
        _refuse_moved(place, catalog)
        return parts_of(place, config, catalog, clock)


def create_place(place: Place, objects: str | None, clock: Clock) -> Parts:
    """Makes a workspace at a place, and opens it; goes on where making it was interrupted.

    Args:
        place: Where.
        objects: The URL or folder of its object store; a workspace in a folder has one inside it otherwise.

    Raises:
        WorkspaceExists: There is one already.
        ObjectsNotNamed: A workspace without a folder needs an object store.
        StorageUnavailable, InvalidInput: The store does not take objects.
    """
    if workspace_exists(place, clock):
        raise WorkspaceExists(shown(place))
    config = Config(workspace=random_id(), objects=chosen_objects(place, objects))
    with made_catalog(place, config, clock) as catalog:
        keep_config(place, catalog, config)
    return open_place(place, clock)


def workspace_exists(place: Place, clock: Clock) -> bool:
    """Tells whether there is a workspace at a place, whole or not."""
    if isinstance(place, FolderPlace):
        return (place.folder / CONFIG).exists()
    try:
        with opened(place, clock, keep=False) as catalog, catalog.read() as conn:
            return bool(store.settings_in(conn)) or store.move_under_way(conn, "target") is not None
    except CatalogNotFound:
        return False


def chosen_objects(place: Place, objects: str | None) -> str:
    """Returns the setting for a new workspace's object store, after proving that it takes objects.

    Raises:
        ObjectsNotNamed: None was named, and the place has no folder to put it into.
        StorageUnavailable, InvalidInput: The store does not take objects.
    """
    if objects is None:
        if isinstance(place, CatalogPlace):
            raise ObjectsNotNamed(shown(place))
        return _OBJECTS
    url = objects_url(Path.cwd(), objects)
    verify_store(url)
    return url


@contextmanager
def made_catalog(place: Place, config: Config, clock: Clock) -> Iterator[Catalog]:
    """Gives the catalog of a workspace that is being made; it may be there from an attempt before."""
    if isinstance(place, FolderPlace):
        make_folder(place.folder)
    with suppress(AlreadyExists):
        Catalog.create(catalog_url(place, config), clock=clock).close()
    with opened(place, clock, config=config, keep=False) as catalog:
        yield catalog


@contextmanager
def opened(
    place: Place, clock: Clock, *, config: Config | None = None, keep: bool = True
) -> Iterator[Catalog]:
    """Gives the open catalog of a place, whatever state its workspace is in.

    It is closed when the block fails, and with `keep` off when it ends.
    """
    known = config or (read_config(place.folder) if isinstance(place, FolderPlace) else Config())
    catalog = Catalog.open(catalog_url(place, known), clock=clock)
    try:
        yield catalog
    except BaseException:
        catalog.close()
        raise
    if not keep:
        catalog.close()


def keep_config(place: Place, catalog: Catalog, config: Config) -> None:
    """Writes the settings of a new workspace, the last step of making it.

    Raises:
        WorkspaceExists: Somebody else has made one here meanwhile.
    """
    if isinstance(place, FolderPlace):
        write_config(place.folder, config)
        return
    with catalog.writer_turn(), catalog.write() as conn:
        if store.settings_in(conn):
            raise WorkspaceExists(shown(place))
        store.keep_settings(conn, config_rows(config))


def settings_at(place: Place, catalog: Catalog) -> Config:
    """Returns the settings of a workspace over its open catalog.

    Raises:
        NotFound: It was never finished.
        MoveUnfinished: It is still being brought here.
    """
    if isinstance(place, FolderPlace):
        return read_config(place.folder)
    with catalog.read() as conn:
        rows = store.settings_in(conn)
        coming = store.move_under_way(conn, "target")
    if rows:
        return config_from(rows)
    if coming is not None:
        raise MoveUnfinished(shown(place), source=coming.other)
    raise NotFound(
        f"The workspace at {shown(place)} was never finished.",
        hint=f"Make it with `headwater init {shown(place)} --objects URL`.",
    )


def parts_of(place: Place, config: Config, catalog: Catalog, clock: Clock) -> Parts:
    """Returns the parts of a workspace over its open catalog."""
    if isinstance(place, FolderPlace):
        folder = place.folder
    else:
        folder = state_folder(config.workspace)
        make_folder(folder)
    return Parts(place, folder, config, catalog, clock)


def catalog_url(place: Place, config: Config) -> str:
    """Returns the URL of a place's catalog."""
    if isinstance(place, CatalogPlace):
        return place.url
    return f"sqlite:///{(place.folder / config.catalog).resolve()}"


def shown(place: Place) -> str:
    """Returns a place's URL without passwords."""
    return redacted(place.url)


def _refuse_moved(place: Place, catalog: Catalog) -> None:
    with catalog.read() as conn:
        going, coming = store.move_under_way(conn, "source"), store.move_under_way(conn, "target")
    if going is not None and going.state == "moved":
        raise WorkspaceMoved(shown(place), to=going.other)
    if coming is not None and coming.state == "moving":
        raise MoveUnfinished(shown(place), source=coming.other)
