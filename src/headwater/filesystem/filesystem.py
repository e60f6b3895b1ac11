"""The file system that fsspec knows as `headwater`.

Reads look at the branch as it is at that moment; an open file stays as it
was. Each call that changes something is one commit, and everything within
`with fs.transaction:` is one commit set. Errors are Python's own
(`FileNotFoundError`, `IsADirectoryError`, …), since that is what callers of a
file system catch; the cause is Headwater's.
"""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from fsspec.spec import AbstractFileSystem
from fsspec.transaction import Transaction as FsspecTransaction

from headwater.api.documents import FileInfo
from headwater.errors import Error, NotFound, Refused
from headwater.filesystem.files import ReadFile, WriteFile
from headwater.filesystem.places import PROTOCOL, Place, parse, strip
from headwater.repos import NotAFile, RefNotFound, Transaction, View
from headwater.workspace import Workspace, open_workspace

_BLOCK_BYTES = 1 << 20


class Together(FsspecTransaction):  # type: ignore[misc]
    """fsspec's transaction as one of Headwater's."""

    def start(self) -> None:
        """Begins."""
        self.fs.begin()
        super().start()

    def complete(self, commit: bool = True) -> None:  # noqa: FBT001, FBT002 - fsspec's signature
        """Makes everything visible together, or nothing."""
        fs, files = self.fs, list(self.files)
        self.files.clear()
        try:
            for file in files:
                if commit:
                    file.close()
                else:
                    file.discard()
            fs.end(commit=commit)
        finally:
            fs.end(commit=False)  # nothing is left to drop where all went well
            super().complete(commit)


class HeadwaterFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Repos of a workspace as a file system; made by `fsspec.filesystem("headwater", workspace=…)`."""

    protocol: ClassVar[str] = PROTOCOL
    root_marker = ""
    transaction_type = Together
    cachable = True

    def __init__(self, workspace: str | os.PathLike[str] | None = None, **options: Any) -> None:
        """Opens nothing yet.

        Args:
            workspace: The workspace; where absent it is looked for as the command line does.
            options: What fsspec hands to every file system.
        """
        super().__init__(workspace=workspace, **options)
        self._url = None if workspace is None else os.fspath(workspace)
        self._open_transaction: Transaction | None = None
        self._guard = threading.RLock()

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return strip(os.fspath(path))

    @classmethod
    def _parent(cls, path: str) -> str:
        place = parse(path)
        if not place.path:
            return ""
        return str(Place(place.repo, place.what, place.path.rpartition("/")[0]))

    # --- looking ---

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:  # noqa: FBT001, FBT002 - fsspec's signature
        """Returns what stands in a folder; of a file the file itself."""
        place = parse(path)
        if not place.repo:
            found = [
                {"name": f"{repo.name}@{branch}", "size": 0, "type": "directory"}
                for repo in self._workspace.repos()
                for branch in repo.branches
            ]
        else:
            with _as_python(str(place)):
                view = self._view(place)
                found = [] if view is None else [_info(place, one) for one in view.list(place.inside)]
        return found if detail else [one["name"] for one in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Returns what is known of a file or folder."""
        place = parse(path)
        if not place.repo:
            return {"name": "", "size": 0, "type": "directory"}
        with _as_python(str(place)):
            view = self._view(place)
            if view is None and place.path:
                raise FileNotFoundError(errno.ENOENT, "The branch has no commit yet", str(place))
            if view is None or not place.path:
                return {"name": str(place), "size": 0, "type": "directory"}
            return _info(place, view.stat(place.inside))

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,  # noqa: FBT001, FBT002 - fsspec's signature
        detail: bool = False,  # noqa: FBT001, FBT002 - fsspec's signature
        **options: Any,
    ) -> Any:
        """Returns all files below a folder, in one walk over the tree."""
        place = parse(path)
        if maxdepth is not None or withdirs or not place.repo:
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail, **options)
        try:
            with _as_python(str(place)):
                view = self._view(place)
                walked = [] if view is None else view.walk(place.inside)
                found = {one["name"]: one for one in (_info(place, file) for file in walked)}
        except FileNotFoundError:
            found = {}
        return found if detail else list(found)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Returns the bytes of a file, or of a span of it."""
        place = parse(path)
        with _as_python(str(place)):
            return self._existing(place).read(place.inside, start or 0, end)

    def created(self, path: str) -> datetime:
        """Returns when the commit was made that the path is looked at in."""
        place = parse(path)
        with _as_python(str(place)):
            view = self._existing(place)
            view.stat(place.inside)
            ms = view.commit.finished_ms or view.commit.created_ms
        return datetime.fromtimestamp(ms / 1000, UTC)

    def modified(self, path: str) -> datetime:
        """Returns the same as `created`: files have no time of their own."""
        return self.created(path)

    def checksum(self, path: str) -> int:
        """Returns a number that changes with the content, and only with it."""
        return int(self.ukey(path)[:16], 16)

    def ukey(self, path: str) -> str:
        """Returns the hash of the content."""
        found = self.info(path)
        return str(found.get("hash") or "0" * 64)

    # --- reading and writing ---

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,  # noqa: FBT001, FBT002 - fsspec's signature
        **_: Any,
    ) -> Any:
        del autocommit  # within a transaction a closed file is gathered, not committed
        place = parse(path)
        if mode == "rb":
            with _as_python(str(place)):
                view = self._existing(place)
                file = view.open(place.inside)
                size = view.stat(place.inside).size
            block = block_size if isinstance(block_size, int) and block_size > 0 else _BLOCK_BYTES
            return ReadFile(file, path=str(place), size=size, block_bytes=block)
        if mode not in ("wb", "ab", "xb"):
            raise ValueError(f"files open as rb, wb, xb or ab, not as {mode!r}")
        if mode == "xb" and self.exists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))

        def done(kept: BinaryIO) -> None:
            with _as_python(str(place)), self._changing(f"Write {place.inside}") as changes:
                changes.repo(place.ref).put(place.inside, kept, append=mode == "ab")

        return WriteFile(done, path=str(place))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Makes a file of bytes."""
        with self._open(path, "xb" if mode == "create" else "wb") as file:
            file.write(value)

    def put_file(self, lpath: str, rpath: str, mode: str = "overwrite", **_: Any) -> None:
        """Copies a file of this machine; a folder needs no making."""
        place = parse(rpath)
        source = Path(lpath)
        if source.is_dir():
            return
        if mode == "create" and self.exists(rpath):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
        with _as_python(str(place)), self._changing(f"Put {place.inside}") as changes:
            changes.repo(place.ref).put(place.inside, source)

    def put(self, *arguments: Any, **options: Any) -> Any:
        """Copies files and folders of this machine, in one commit."""
        with self._changing("Put files"):
            return super().put(*arguments, **options)

    def pipe(self, *arguments: Any, **options: Any) -> Any:
        """Makes files of bytes, in one commit."""
        with self._changing("Write files"):
            return super().pipe(*arguments, **options)

    def copy(self, *arguments: Any, **options: Any) -> Any:
        """Copies files and folders, in one commit and without copying a byte."""
        with self._changing("Copy files"):
            return super().copy(*arguments, **options)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copies a file, or does nothing for a folder."""
        source, target = parse(path1), parse(path2)
        with _as_python(str(source)):
            view = self._existing(source)
            if view.stat(source.inside).kind == "folder":
                return
            with self._changing(f"Copy {source.inside}") as changes:
                changes.repo(target.ref).copy(source.inside, target.inside, of=view)

    def mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,  # noqa: FBT001, FBT002 - fsspec's signature
        maxdepth: int | None = None,
        **options: Any,
    ) -> None:
        """Moves files and folders, in one commit and without copying a byte."""
        with self._changing("Move files"):
            super().mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **options)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:  # noqa: FBT001, FBT002
        """Removes files, and folders where `recursive`, in one commit."""
        del maxdepth
        paths = [path] if isinstance(path, str | os.PathLike) else list(path)
        with self._changing("Remove files") as changes:
            for one in (found for given in paths for found in self._meant(str(given))):
                place = parse(one)
                if not recursive and self.isdir(one):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), one)
                with _as_python(one):
                    changes.repo(place.ref).delete(place.inside)

    def rm_file(self, path: str) -> None:
        """Removes a file."""
        self.rm(path)

    _rm = rm_file

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:  # noqa: FBT001, FBT002
        """Does nothing: a folder is there as long as a file is in it."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:  # noqa: FBT001, FBT002
        """Does nothing; see `mkdir`."""

    def rmdir(self, path: str) -> None:
        """Does nothing, except where the folder is not empty."""
        if self.isdir(path) and self.ls(path, detail=False):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)

    # --- transactions ---

    def begin(self) -> None:
        """Gathers all changes from here on."""
        with self._guard:
            self._open_transaction = self._workspace.transaction(message="Through the file system")

    def end(self, *, commit: bool) -> None:
        """Makes what was gathered visible, or drops it."""
        with self._guard:
            gathered, self._open_transaction = self._open_transaction, None
        if gathered is not None:
            with _as_python(""):
                if commit:
                    gathered.finish()
                else:
                    gathered.drop()

    @contextmanager
    def _changing(self, message: str) -> Iterator[Transaction]:
        """Gives the transaction under way, or one of its own for the block."""
        with self._guard:
            if self._open_transaction is not None:
                yield self._open_transaction
                return
            with _as_python(""), self._workspace.transaction(message=message) as own:
                self._open_transaction = own
                try:
                    yield own
                finally:
                    self._open_transaction = None

    # --- within ---

    def _meant(self, path: str) -> list[str]:
        if any(sign in path for sign in "*?["):
            found = self.glob(path)
            return [str(one) for one in found]
        return [self._strip_protocol(path)]

    def _view(self, place: Place) -> View | None:
        """Returns the files that are meant; none for a branch without commits."""
        repo = self._workspace.repo(place.repo)
        try:
            return repo.at(place.what)
        except RefNotFound:
            if any(branch.name == place.what for branch in repo.branches()):
                return None
            raise

    def _existing(self, place: Place) -> View:
        view = self._view(place)
        if view is None:
            raise FileNotFoundError(errno.ENOENT, "The branch has no commit yet", str(place))
        return view

    @property
    def _workspace(self) -> Workspace:
        return _opened(self._url, os.getpid())

    def __reduce__(self) -> Any:
        """Names the workspace, so that it is found from another folder and process too."""
        make, (cls, arguments, options), *rest = super().__reduce__()
        url = self._workspace.url if self._url is None else self._url
        if "://" not in url:
            url = str(Path(url).resolve())
        return (make, (cls, arguments, {**options, "workspace": url}), *rest)


@lru_cache(maxsize=16)
def _opened(url: str | None, process: int) -> Workspace:
    del process  # a forked child opens its own
    return open_workspace(url)


def _info(place: Place, file: FileInfo) -> dict[str, Any]:
    return {
        "name": str(Place(place.repo, place.what, file.path.removeprefix("/"))),
        "size": file.size,
        "type": "file" if file.kind == "file" else "directory",
        "hash": file.hash,
    }


@contextmanager
def _as_python(path: str) -> Iterator[None]:
    """Turns errors into those that callers of a file system know."""
    try:
        yield
    except NotAFile as error:
        raise IsADirectoryError(errno.EISDIR, error.message, path) from error
    except NotFound as error:
        raise FileNotFoundError(errno.ENOENT, f"{error.message} {error.hint}", path) from error
    except Refused as error:
        raise PermissionError(errno.EACCES, f"{error.message} {error.hint}", path) from error
    except Error as error:
        raise OSError(errno.EIO, f"{error.message} {error.hint}", path) from error
