"""What can go wrong between the program and its catalog."""

from pathlib import Path

from headwater.errors import Conflict, Corrupt, Error, NotFound, Refused, Unavailable


class CatalogNotFound(NotFound):
    """There is no catalog at the place that was named."""

    kind = "catalog-not-found"


class CatalogUnavailable(Unavailable):
    """The catalog cannot be read or written right now: full disk, no permission, a lock that stays."""

    kind = "catalog-unavailable"


class TransactionUndone(Conflict):
    """The server undid a transaction because of another that ran at the same time; nothing of it was kept."""

    kind = "transaction-undone"


class CatalogCorrupt(Corrupt):
    """The file or schema is not a catalog, or its pages are damaged."""

    kind = "catalog-corrupt"


class NetworkFileSystem(Refused):
    """The catalog lies on a file system whose locks do not hold between machines."""

    kind = "network-file-system"

    def __init__(self, path: str, *, file_system: str) -> None:
        """Names the folder and the kind of file system."""
        super().__init__(
            f"{path} lies on a network file system ({file_system}), where SQLite's locks do not hold.",
            hint="Put the workspace on a local disk; its objects may lie elsewhere.",
        )
        self.file_system = file_system


class NestedTransaction(Error):
    """A write transaction was begun inside another one of the same thread."""

    kind = "nested-transaction"

    def __init__(self) -> None:
        """Says which mistake in the calling code this is."""
        super().__init__(
            "This thread is already inside a write transaction of this catalog.",
            hint="Hand the open connection on instead of calling write() again.",
        )


class WriteInSnapshot(Error):
    """A statement tried to change the catalog through a connection for reading."""

    kind = "write-in-snapshot"

    def __init__(self) -> None:
        """Says which mistake in the calling code this is."""
        super().__init__(
            "A read() block tried to change the catalog.",
            hint="Do the change inside a write() block of its own.",
        )


class LeaseLost(Conflict):
    """Somebody else took the lease after it ran out; nothing may be finished under it."""

    kind = "lease-lost"

    def __init__(self, name: str, *, holder: str) -> None:
        """Names the lease and who believed to hold it."""
        super().__init__(
            f"{holder} no longer holds the lease {name!r}.",
            hint="Whoever holds it now goes on with the work; stop, and change nothing more.",
        )
        self.name, self.holder = name, holder


BARRIER = "headwater barrier: "


class CatalogClosed(Refused):
    """The catalog takes no changes any more: its workspace is being moved, or has moved."""

    kind = "catalog-closed"

    def __init__(self, reason: str) -> None:
        """Says why it is closed, and where to go instead."""
        super().__init__(
            reason, hint="Stop what works on this workspace, and go on with it where it is by then."
        )


def refused_by_barrier(error: BaseException | None) -> CatalogClosed | None:
    """Returns the catalog's error for a driver's, when that came from a barrier."""
    _, is_barrier, reason = str(error).partition(BARRIER)
    return CatalogClosed(reason.splitlines()[0].strip()) if is_barrier else None


def cannot_write(path: Path, error: OSError) -> CatalogUnavailable:
    """Returns the error for a catalog whose folder does not take files."""
    return CatalogUnavailable(
        f"The catalog {path} cannot be written: {error.strerror}.",
        hint=f"Make {path.parent} a folder that this user may write to.",
    )
