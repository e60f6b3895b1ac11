"""What can go wrong with stored bytes, the names they have, and the places they lie in."""

from collections.abc import Sequence
from typing import Any

from headwater.errors import (
    Conflict,
    Corrupt,
    Error,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
    VersionMismatch,
)


class InvalidPath(InvalidInput):
    """A path that no file may have."""

    kind = "invalid-path"

    def __init__(self, path: str, *, rule: str) -> None:
        """Names the path and the rule that it breaks."""
        super().__init__(
            f"{path!r} cannot be the path of a file: {rule}.",
            hint="Write paths as folder/file, in Unicode normal form C, at most 255 bytes a part and 1,024 in all.",
        )
        self.path, self.rule = path, rule


class InvalidEntry(InvalidInput):
    """A key or value that does not fit into a tree."""

    kind = "invalid-entry"


class PathCollision(InvalidInput):
    """One path would be a file and a folder at the same time."""

    kind = "path-collision"

    def __init__(self, file: str, *, below: str) -> None:
        """Names the file, and one that lies in the folder of the same name."""
        super().__init__(
            f"{file!r} would be both a file and the folder of {below!r}.",
            hint=f"Delete {file!r} in the same commit, or put the file under another path.",
        )
        self.file, self.below = file, below


class InvalidObjectKey(InvalidInput):
    """A key under which no store keeps an object."""

    kind = "invalid-object-key"

    def __init__(self, key: str) -> None:
        """Names the key."""
        super().__init__(
            f"{key!r} is no object key.",
            hint="Keys are lower-case letters, digits, '-', '_' and '.', in parts joined by '/'.",
        )
        self.key = key


class UnknownStore(InvalidInput):
    """A URL that names no kind of object store."""

    kind = "unknown-store"

    def __init__(self, url: str) -> None:
        """Names the URL and those that are understood."""
        super().__init__(
            f"{url!r} names no object store that this Headwater knows.",
            hint="Use file:/absolute/folder, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix?account=NAME, or memory: for one that ends with the process.",
        )


class InvalidStoreUrl(InvalidInput):
    """The URL of an object store that says too little, too much, or something it must not say."""

    kind = "invalid-store-url"


class ObjectNotFound(NotFound):
    """The store has no object under this key."""

    kind = "object-not-found"

    def __init__(self, key: str, *, store: str) -> None:
        """Names the key and the store."""
        super().__init__(
            f"There is no object {key} in {store}.",
            hint="Check that the workspace's objects were not moved or deleted; restore them from a backup.",
        )
        self.key = key


class StorageUnavailable(Unavailable):
    """The object store cannot be read or written right now: full disk, no permission, a fault."""

    kind = "storage-unavailable"

    def __init__(
        self, message: str, *, hint: str, details: Sequence[dict[str, Any]] = (), transient: bool = False
    ) -> None:
        """Keeps what happened and what to do, and whether the same request may well succeed in a moment."""
        super().__init__(message, hint=hint, details=details)
        self.is_transient = transient


class StoreNotFound(StorageUnavailable):
    """The bucket or container of an object store does not exist."""

    kind = "store-not-found"


class StoreForbidden(StorageUnavailable):
    """The object store knows who asks, and does not allow it."""

    kind = "store-forbidden"


class StoreCredentials(StorageUnavailable):
    """The object store is not told who asks: credentials are absent, wrong, or have expired."""

    kind = "store-credentials"


class StoreRegion(StorageUnavailable):
    """The bucket lies in another region than the one that was asked."""

    kind = "store-region"


class StoreUnfit(StorageUnavailable):
    """An object store was tried, and not everything that Headwater needs can be done there."""

    kind = "store-unfit"


class ObjectTaken(Conflict):
    """Other bytes lie under the key of an object already; nothing was replaced."""

    kind = "object-taken"

    def __init__(self, key: str, *, store: str) -> None:
        """Names the key and the store."""
        super().__init__(
            f"In {store} other bytes lie under {key} already.",
            hint="Give each workspace a prefix of its own in the bucket; objects are never written twice.",
        )
        self.key = key


class RemoteUnreadable(Unavailable):
    """A file at an address outside of the workspace cannot be read."""

    kind = "remote-unreadable"


class RemoteNotFound(NotFound):
    """There is no file at an address outside of the workspace."""

    kind = "remote-not-found"


class StoredBytesCorrupt(Corrupt):
    """Bytes were read that are not those that were written; they were not handed on."""

    kind = "stored-bytes-corrupt"

    def __init__(self, what: str, *, where: str, why: str) -> None:
        """Names what was read, the segment and object it lies in, and what does not fit."""
        super().__init__(
            f"{what} in {where} is damaged: {why}.",
            hint="Restore that object or the catalog from a backup; other commits are not affected unless they share it.",
        )
        self.where = where


class SegmentMissing(Corrupt):
    """The catalog does not know a segment, or its bytes are gone."""

    kind = "segment-missing"

    def __init__(self, segment: int, *, why: str) -> None:
        """Names the segment."""
        super().__init__(
            f"Segment {segment} cannot be read: {why}.",
            hint="Restore the catalog and the objects from backups of the same time.",
        )
        self.segment = segment


class UnknownFormat(VersionMismatch):
    """Bytes in a version of the format that this code does not know."""

    kind = "unknown-format"

    def __init__(self, what: str, *, version: int) -> None:
        """Names what was read and its version."""
        super().__init__(
            f"{what} has format version {version}, which this Headwater does not know.",
            hint="Install a newer Headwater: pip install --upgrade headwater",
        )


class SegmentsGone(Conflict):
    """Segments that a transaction relies on were given up meanwhile; nothing was committed."""

    kind = "segments-gone"

    def __init__(self, segments: list[int]) -> None:
        """Names some of the segments."""
        some = ", ".join(map(str, segments[:5]))
        super().__init__(
            f"Segments that this change relies on were given up meanwhile ({some}).",
            hint="Start the change again; what it needs is then written anew.",
        )
        self.segments = segments


class SegmentsMoved(Conflict):
    """Segments that were being packed were given up or moved by somebody else meanwhile; nothing was changed."""

    kind = "segments-moved"

    def __init__(self) -> None:
        """Says it."""
        super().__init__(
            "Somebody else packed or swept these segments meanwhile.", hint="Pack again; nothing is lost."
        )


class ReservationSpent(Refused):
    """A task wrote more segments than were reserved for it."""

    kind = "reservation-spent"

    def __init__(self, count: int) -> None:
        """Says how many there were."""
        super().__init__(
            f"The output needs more than the {count} segments that were reserved for it.",
            hint="Reserve more segments, or split the work into smaller tasks.",
        )


class WriterClosed(Error):
    """A writer was used after it published or gave up, or published before it was sealed."""

    kind = "writer-closed"

    def __init__(self, what: str) -> None:
        """Says which mistake in the calling code this is."""
        super().__init__(
            f"This writer cannot {what}.",
            hint="Seal before publishing; after a lost race call rewind(), and for another commit take another writer.",
        )
