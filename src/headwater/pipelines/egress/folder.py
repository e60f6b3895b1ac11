"""A folder as a destination of egress.

Every step of a path is opened from the folder above it and never through a
link, so nobody who may write into the folder can lead egress out of it. A
file is written elsewhere in the folder, synchronised, and gets its name by a
rename; a reader sees the old one or the new one. Folders are synchronised as
they are left, which happens once each, because paths come in order.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from blake3 import blake3

from headwater.pipelines.egress.errors import EgressFailed, EgressUnavailable
from headwater.pipelines.egress.values import Change, Files, Loaded, Sent

TEMPORARY = ".headwater-egress"
_AT_ONCE = 8
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_IN_THE_WAY = (errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST)
# What an operating system says when the machine, not the place, has run out of something.
_PASSING = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EINTR, errno.ENOENT),
)


class Folder:
    """A folder of this machine, or one that is mounted on it; a `Destination`."""

    def __init__(self, path: Path, *, shown: str, owner: str, durable: bool = True) -> None:
        """Names it.

        Args:
            path: Where it is, or is to be.
            shown: What errors call it.
            owner: Tells this egress's unfinished files from those of others.
            durable: Whether files are to survive that the machine goes down.
        """
        self._path, self._shown, self._durable = path, shown, durable
        self._owner = blake3(owner.encode()).hexdigest()[:16]

    def apply(self, changes: Iterator[Change], files: Files) -> Sent:
        """Brings the folder to where the changes lead."""
        put, removed, size = 0, 0, 0
        later: list[Loaded] = []  # files whose places are folders that may be empty in the end
        with self._opened() as place, ThreadPoolExecutor(_AT_ONCE, "headwater-egress") as pool:
            for batch in files.batches(changes):
                with self._telling(""):
                    drafts = list(pool.map(place.draft, batch))  # that they become durable is what takes time
                for one, draft in zip(batch, drafts, strict=True):
                    with self._telling(one.path):
                        if one.file is None:
                            removed += place.remove(one.path)
                        elif not place.put(one, files, draft):
                            later.append(one._replace(data=None))
                        else:
                            put, size = put + 1, size + one.file.size
            with self._telling(""):
                place.leave()
            for one in later:
                with self._telling(one.path):
                    if not place.put(one, files):
                        raise OSError(errno.EISDIR, "there is a folder with files of others in it")
                    put, size = put + 1, size + (one.file.size if one.file else 0)
        return Sent(put=put, removed=removed, size=size)

    @contextmanager
    def _opened(self) -> Iterator["_Place"]:
        with ExitStack() as stack:
            with self._telling(""):
                self._path.mkdir(parents=True, exist_ok=True)
                place = stack.enter_context(_Place(self._path, self._owner, durable=self._durable))
            yield place
            with self._telling(""):
                place.leave()

    @contextmanager
    def _telling(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"The file {path!r} for {self._shown}" if path else f"The output for {self._shown}"
            number, said = error.errno or 0, error.strerror or str(error)
            if number in _PASSING:
                raise EgressUnavailable(
                    what, why=said, hint="Make room or mend that disk; it is tried again."
                ) from None
            hint = (
                "Something else is in its way there: a file, a folder or a link that egress did not make. Move it away."
                if number in _IN_THE_WAY
                else "Have the worker's user own that folder, or name another one."
            )
            raise EgressFailed(what, why=said, hint=hint) from None


class _Place:
    """The open folder, and the way down to where the last file went."""

    def __init__(self, root: Path, owner: str, *, durable: bool) -> None:
        self._root, self._owner, self._durable = root, owner, durable
        self._names: list[str] = []
        self._open: list[int] = []
        self._changed: list[bool] = []
        self._thinned: list[bool] = []

    def __enter__(self) -> Self:
        self._enter(os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        with suppress(FileExistsError):
            os.mkdir(TEMPORARY, 0o700, dir_fd=self._open[0])
        self._temporary = os.open(TEMPORARY, _FOLDER, dir_fd=self._open[0])
        self._clear()  # of a send that was killed
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()  # of a lot that was stopped in the middle
        os.close(self._temporary)
        with suppress(OSError):  # others may be using it
            os.rmdir(TEMPORARY, dir_fd=self._open[0])
        for number in self._open:
            os.close(number)

    def _clear(self) -> None:
        """Removes this egress's drafts."""
        for name in os.listdir(self._temporary):  # noqa: PTH208 - an open folder, not a path
            if name.startswith(f"{self._owner}."):
                self._forget(name)

    def draft(self, one: Loaded) -> str | None:
        """Writes a small file under a name of its own, where it waits for `put`; may be called from many threads."""
        if one.file is None or one.data is None:
            return None
        return self._write(iter((one.data,)), executable=one.file.executable)

    def put(self, one: Loaded, files: Files, draft: str | None = None) -> bool:
        """Gives a path its file; tells whether that could be, which a folder at the path prevents."""
        assert one.file is not None, "there is a file to put"
        *folders, name = one.path.split("/")
        draft = draft or self._write(files.stream(one.file), executable=one.file.executable)
        try:
            folder = self._go(folders, make=True)
            assert folder is not None, "it was made"
            os.rename(draft, name, src_dir_fd=self._temporary, dst_dir_fd=folder)
        except BaseException as error:
            self._forget(draft)
            if isinstance(error, IsADirectoryError):
                return False
            raise
        self._changed[-1] = True
        return True

    def remove(self, path: str) -> bool:
        """Takes away the plain file at a path, if there is one, and then folders that are empty without it."""
        *folders, name = path.split("/")
        folder = self._go(folders, make=False)
        if folder is None:
            return False
        try:
            if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                return False
            os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            self._thinned[-1] = True  # a send that was killed may have left its folder empty
            return False
        self._changed[-1] = self._thinned[-1] = True
        return True

    def leave(self) -> None:
        """Goes back to the top, with everything made durable."""
        self._up_to(0)
        if self._changed[0]:
            self._sync(self._open[0])

    def _go(self, folders: list[str], *, make: bool) -> int | None:
        """Opens a folder by way of those above it; none where there is none and none is to be made."""
        same = 0
        while same < min(len(folders), len(self._names)) and folders[same] == self._names[same]:
            same += 1
        self._up_to(same)
        for name in folders[same:]:
            try:
                number = os.open(name, _FOLDER, dir_fd=self._open[-1])
            except FileNotFoundError:
                if not make:
                    self._thinned[-1] = True
                    return None
                os.mkdir(name, dir_fd=self._open[-1])
                self._changed[-1] = True
                number = os.open(name, _FOLDER, dir_fd=self._open[-1])
            except OSError as error:
                if make or error.errno not in _IN_THE_WAY:
                    raise
                return None  # what egress put there is not there any more
            self._names.append(name)
            self._enter(number)
        return self._open[-1]

    def _write(self, pieces: Iterator[bytes | memoryview], *, executable: bool) -> str:
        """Writes a file that is not to be seen yet; returns its name."""
        name = f"{self._owner}.{secrets.token_hex(8)}"
        number = os.open(name, _NEW, 0o777 if executable else 0o666, dir_fd=self._temporary)
        try:
            with os.fdopen(number, "wb") as out:
                for piece in pieces:
                    out.write(piece)
                out.flush()
                self._sync(out.fileno())
        except BaseException:
            self._forget(name)
            raise
        return name

    def _forget(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._temporary)

    def _sync(self, number: int) -> None:
        if self._durable:
            os.fsync(number)

    def _enter(self, number: int) -> None:
        self._open.append(number)
        self._changed.append(False)
        self._thinned.append(False)

    def _up_to(self, depth: int) -> None:
        while len(self._names) > depth:
            name, number = self._names.pop(), self._open.pop()
            changed, thinned = self._changed.pop(), self._thinned.pop()
            try:
                if changed:
                    self._sync(number)
            finally:
                os.close(number)
            if thinned:
                with suppress(OSError):  # it is not empty, or was taken away by somebody else
                    os.rmdir(name, dir_fd=self._open[-1])
                    self._changed[-1] = self._thinned[-1] = True
