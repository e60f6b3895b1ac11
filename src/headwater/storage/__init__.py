"""Trees of files and maps, and the immutable segments that every byte lies in.

    storage = Storage(catalog, open_store("file:/data/objects"))
    writer = storage.writer()
    tree = writer.edit(storage.tree(None), [Put("1.txt", writer.add(b"A fine film."))])
    writer.seal()
    with catalog.write() as conn:
        writer.publish(conn)
    storage.read(tree.get("1.txt"))

Names are loaded when they are first used: a task that only reads files needs
no catalog and does not import one. The format is in docs/format.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.storage.errors import (
        InvalidEntry,
        InvalidObjectKey,
        InvalidPath,
        ObjectNotFound,
        PathCollision,
        ReservationSpent,
        SegmentMissing,
        SegmentsGone,
        StorageUnavailable,
        StoredBytesCorrupt,
        UnknownFormat,
        UnknownStore,
        WriterClosed,
    )
    from headwater.storage.hashing import content_hash
    from headwater.storage.paths import normalize, normalize_folder
    from headwater.storage.portable import (
        OutputFile,
        PortableFile,
        PortableOutput,
        PortablePart,
        Reservation,
        copy_portable,
        read_portable,
        write_outputs,
    )
    from headwater.storage.protocol import ObjectKey, ObjectStore
    from headwater.storage.records import CommitRecord, RecordedProvenance, RecordedTrees, Tombstone
    from headwater.storage.storage import Storage
    from headwater.storage.stores import open_store
    from headwater.storage.tree import MapTree, Tree, digest_of
    from headwater.storage.values import (
        Content,
        Delete,
        DeleteFolder,
        Edit,
        FileEntry,
        FolderItem,
        MapEntry,
        Pointer,
        Put,
    )
    from headwater.storage.writer import Writer

__all__ = [
    "CommitRecord",
    "Content",
    "Delete",
    "DeleteFolder",
    "Edit",
    "FileEntry",
    "FolderItem",
    "InvalidEntry",
    "InvalidObjectKey",
    "InvalidPath",
    "MapEntry",
    "MapTree",
    "ObjectKey",
    "ObjectNotFound",
    "ObjectStore",
    "OutputFile",
    "PathCollision",
    "Pointer",
    "PortableFile",
    "PortableOutput",
    "PortablePart",
    "Put",
    "RecordedProvenance",
    "RecordedTrees",
    "Reservation",
    "ReservationSpent",
    "SegmentMissing",
    "SegmentsGone",
    "Storage",
    "StorageUnavailable",
    "StoredBytesCorrupt",
    "Tombstone",
    "Tree",
    "UnknownFormat",
    "UnknownStore",
    "Writer",
    "WriterClosed",
    "content_hash",
    "copy_portable",
    "digest_of",
    "normalize",
    "normalize_folder",
    "open_store",
    "read_portable",
    "write_outputs",
]

_HOMES = {
    "errors": (
        "InvalidEntry",
        "InvalidObjectKey",
        "InvalidPath",
        "ObjectNotFound",
        "PathCollision",
        "ReservationSpent",
        "SegmentMissing",
        "SegmentsGone",
        "StorageUnavailable",
        "StoredBytesCorrupt",
        "UnknownFormat",
        "UnknownStore",
        "WriterClosed",
    ),
    "hashing": ("content_hash",),
    "paths": ("normalize", "normalize_folder"),
    "portable": (
        "OutputFile",
        "PortableFile",
        "PortableOutput",
        "PortablePart",
        "Reservation",
        "copy_portable",
        "read_portable",
        "write_outputs",
    ),
    "protocol": ("ObjectKey", "ObjectStore"),
    "records": ("CommitRecord", "RecordedProvenance", "RecordedTrees", "Tombstone"),
    "storage": ("Storage",),
    "stores": ("open_store",),
    "tree": ("MapTree", "Tree", "digest_of"),
    "values": (
        "Content",
        "Delete",
        "DeleteFolder",
        "Edit",
        "FileEntry",
        "FolderItem",
        "MapEntry",
        "Pointer",
        "Put",
    ),
    "writer": ("Writer",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Loads a public name from the file that it lives in."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
