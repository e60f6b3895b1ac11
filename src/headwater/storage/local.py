"""An object store in a folder of this machine.

An object is written to a temporary file, synced, renamed into place, and then
the folder is synced: at every instant it is whole under its name or not there,
and when `put` returns it survives a power cut. Temporary files that a killed
process left lie in a folder of their own, are no objects, and are removed by
the next process that writes.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from headwater.storage.errors import InvalidObjectKey, ObjectNotFound, StorageUnavailable
from headwater.storage.incoming import Incoming
from headwater.storage.protocol import ObjectKey

TEMPORARY = ".incoming"


class LocalStore:
    """Keeps objects as files below one folder."""

    def __init__(self, folder: Path) -> None:
        """Uses a folder; it is made at the first `put`."""
        self._folder = folder
        self._durable: set[Path] = set()
        self._incoming = Incoming(folder / TEMPORARY)
        self.url = f"file:{folder}"

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        """Keeps an object.

        Raises:
            StorageUnavailable: Full disk, no permission, or a fault of the disk.
        """
        place = self._place(key)
        try:
            self._make_folder(self._folder / TEMPORARY)
            temporary = self._incoming.name()
            try:
                self._write(temporary, data)
                self._make_folder(place.parent)
                self._rename(temporary, place)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            self._sync_folder(place.parent)
        except OSError as error:
            raise self._unavailable(f"The object {key} could not be written", error) from error

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        """Returns an object or a part of it.

        Raises:
            ObjectNotFound: There is none.
            StorageUnavailable: It cannot be read.
        """
        place = self._place(key)
        try:
            with place.open("rb", buffering=0) as file:
                if span is None:
                    return file.readall()
                start, stop, _ = span.indices(os.fstat(file.fileno()).st_size)
                return _read(file.fileno(), start, stop)
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectNotFound(key, store=self.url) from None
        except OSError as error:
            raise self._unavailable(f"The object {key} could not be read", error) from error

    def exists(self, key: ObjectKey) -> bool:
        """Tells whether there is one."""
        place = self._place(key)
        try:
            return stat.S_ISREG(place.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._unavailable(f"The object {key} could not be looked for", error) from error

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        """Yields the keys of whole objects."""
        try:
            above = prefix.rpartition("/")[0]
            within = self._folder / above if above else self._folder
            names = sorted(self._names(within, f"{above}/" if above else ""))
        except OSError as error:
            raise self._unavailable("The objects could not be listed", error) from error
        return (ObjectKey(name) for name in names if name.startswith(prefix) and _is_key(name))

    def delete(self, key: ObjectKey) -> None:
        """Forgets an object, durably."""
        place = self._place(key)
        try:
            place.unlink(missing_ok=True)
            if place.parent.is_dir():
                self._sync_folder(place.parent)
        except NotADirectoryError:
            return
        except OSError as error:
            raise self._unavailable(f"The object {key} could not be deleted", error) from error

    def _place(self, key: str) -> Path:
        return self._folder / ObjectKey(key)

    def _names(self, folder: Path, above: str) -> Iterator[str]:
        if not folder.is_dir():
            return
        with os.scandir(folder) as entries:
            found = [*entries]
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != TEMPORARY:
                    yield from self._names(Path(entry.path), f"{above}{entry.name}/")
            else:
                yield above + entry.name

    def _make_folder(self, folder: Path) -> None:
        """Makes a folder and the name of it durable; once, even where another process has just made it."""
        if folder in self._durable:
            return
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
        self._sync_folder(folder.parent)
        self._durable.add(folder)

    def _write(self, place: Path, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        with place.open("xb", buffering=0) as file:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())

    def _rename(self, temporary: Path, place: Path) -> None:
        temporary.replace(place)

    def _sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _unavailable(self, what: str, error: OSError) -> StorageUnavailable:
        rights = f"Make {self._folder} and what is in it readable and writable for this user."
        hints = {
            errno.ENOSPC: "Make room on the disk, then try again.",
            errno.EDQUOT: "Make room within the disk quota, then try again.",
            errno.EFBIG: "Raise the limit on the size of files (ulimit -f), then try again.",
            errno.EMFILE: "Raise the limit on open files (ulimit -n), then try again.",
            errno.EACCES: rights,
            errno.EPERM: rights,
            errno.EROFS: f"The disk that holds {self._folder} is mounted read-only; mount it for writing.",
            errno.EEXIST: f"A file stands where a folder of {self._folder} should be; move it away.",
            errno.ENOTDIR: f"A file stands where a folder of {self._folder} should be; move it away.",
            errno.ENOENT: f"Something removed {self._folder} or a part of it meanwhile; restore it.",
        }
        hint = hints.get(error.errno or 0, f"Look at the health of the disk that holds {self._folder}.")
        return StorageUnavailable(f"{what}: {error.strerror or error}.", hint=hint)


def _is_key(name: str) -> bool:
    """Tells whether a file can be an object; people put files of their own beside them."""
    try:
        ObjectKey(name)
    except InvalidObjectKey:
        return False
    return True


def _read(descriptor: int, start: int, stop: int) -> bytes:
    pieces = []
    while start < stop:
        piece = os.pread(descriptor, stop - start, start)
        if not piece:
            break
        pieces.append(piece)
        start += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
