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
    from headwater.storage.block import Damaged
    from headwater.storage.care import Finding, NamedRoot, NamesRoots, Packed, RootSource, Sizes, Swept
    from headwater.storage.chunklist import Chunk
    from headwater.storage.errors import (
        InvalidEntry,
        InvalidObjectKey,
        InvalidPath,
        InvalidStoreUrl,
        ObjectNotFound,
        ObjectTaken,
        PathCollision,
        RemoteNotFound,
        RemoteUnreadable,
        ReservationSpent,
        SegmentMissing,
        SegmentsGone,
        StorageUnavailable,
        StoreCredentials,
        StoredBytesCorrupt,
        StoreForbidden,
        StoreNotFound,
        StoreRegion,
        StoreUnfit,
        UnknownFormat,
        UnknownStore,
        WriterClosed,
    )
    from headwater.storage.hashing import content_hash
    from headwater.storage.outgoing import WrittenSegment
    from headwater.storage.paths import normalize, normalize_folder
    from headwater.storage.portable import (
        NewFile,
        OutputFile,
        OutputStream,
        PortableFile,
        PortableOutput,
        PortablePart,
        Reservation,
        copy_portable,
        read_portable,
        read_together,
        write_outputs,
    )
    from headwater.storage.probe import verify_store
    from headwater.storage.protocol import PASSING, ObjectKey, ObjectStore
    from headwater.storage.reading import Part
    from headwater.storage.records import CommitRecord, RecordedProvenance, RecordedTrees, Tombstone
    from headwater.storage.remote import RemoteFile, is_remote_source, list_remote, open_remote
    from headwater.storage.segment import listed_blocks
    from headwater.storage.storage import Storage
    from headwater.storage.stores import CachePlace, is_remote, open_store
    from headwater.storage.three_way import Choice, compare_three, is_same
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
    "PASSING",
    "CachePlace",
    "Choice",
    "Chunk",
    "CommitRecord",
    "Content",
    "Damaged",
    "Delete",
    "DeleteFolder",
    "Edit",
    "FileEntry",
    "Finding",
    "FolderItem",
    "InvalidEntry",
    "InvalidObjectKey",
    "InvalidPath",
    "InvalidStoreUrl",
    "MapEntry",
    "MapTree",
    "NamedRoot",
    "NamesRoots",
    "NewFile",
    "ObjectKey",
    "ObjectNotFound",
    "ObjectStore",
    "ObjectTaken",
    "OutputFile",
    "OutputStream",
    "Packed",
    "Part",
    "PathCollision",
    "Pointer",
    "PortableFile",
    "PortableOutput",
    "PortablePart",
    "Put",
    "RecordedProvenance",
    "RecordedTrees",
    "RemoteFile",
    "RemoteNotFound",
    "RemoteUnreadable",
    "Reservation",
    "ReservationSpent",
    "RootSource",
    "SegmentMissing",
    "SegmentsGone",
    "Sizes",
    "Storage",
    "StorageUnavailable",
    "StoreCredentials",
    "StoreForbidden",
    "StoreNotFound",
    "StoreRegion",
    "StoreUnfit",
    "StoredBytesCorrupt",
    "Swept",
    "Tombstone",
    "Tree",
    "UnknownFormat",
    "UnknownStore",
    "Writer",
    "WriterClosed",
    "WrittenSegment",
    "compare_three",
    "content_hash",
    "copy_portable",
    "digest_of",
    "is_remote",
    "is_remote_source",
    "is_same",
    "list_remote",
    "listed_blocks",
    "normalize",
    "normalize_folder",
    "open_remote",
    "open_store",
    "read_portable",
    "read_together",
    "verify_store",
    "write_outputs",
]

_HOMES = {
    "care": ("Finding", "NamedRoot", "NamesRoots", "Packed", "RootSource", "Sizes", "Swept"),
    "block": ("Damaged",),
    "chunklist": ("Chunk",),
    "errors": (
        "InvalidEntry",
        "InvalidObjectKey",
        "InvalidPath",
        "InvalidStoreUrl",
        "ObjectNotFound",
        "ObjectTaken",
        "PathCollision",
        "RemoteNotFound",
        "RemoteUnreadable",
        "ReservationSpent",
        "SegmentMissing",
        "SegmentsGone",
        "StorageUnavailable",
        "StoreCredentials",
        "StoreForbidden",
        "StoreNotFound",
        "StoreRegion",
        "StoreUnfit",
        "StoredBytesCorrupt",
        "UnknownFormat",
        "UnknownStore",
        "WriterClosed",
    ),
    "hashing": ("content_hash",),
    "outgoing": ("WrittenSegment",),
    "paths": ("normalize", "normalize_folder"),
    "portable": (
        "NewFile",
        "OutputFile",
        "OutputStream",
        "PortableFile",
        "PortableOutput",
        "PortablePart",
        "Reservation",
        "copy_portable",
        "read_portable",
        "read_together",
        "write_outputs",
    ),
    "probe": ("verify_store",),
    "protocol": ("PASSING", "ObjectKey", "ObjectStore"),
    "reading": ("Part",),
    "records": ("CommitRecord", "RecordedProvenance", "RecordedTrees", "Tombstone"),
    "remote": ("RemoteFile", "is_remote_source", "list_remote", "open_remote"),
    "segment": ("listed_blocks",),
    "storage": ("Storage",),
    "stores": ("CachePlace", "is_remote", "open_store"),
    "three_way": ("Choice", "compare_three", "is_same"),
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
