"""Files of `headwater://` that are open: one that is read, and one that becomes a commit when it is closed."""

import io
import tempfile
from collections.abc import Callable
from typing import BinaryIO, cast

_IN_MEMORY_BYTES = 8 * 1024 * 1024


class ReadFile(io.BufferedReader):
    """A file of a commit; it can be moved in, and stays what it was whatever happens to the branch."""

    def __init__(self, file: BinaryIO, *, path: str, size: int, block_bytes: int) -> None:
        """Takes over an open file."""
        super().__init__(cast("io.RawIOBase", _Raw(file)), block_bytes)
        self.path, self.size = path, size


class _Raw(io.RawIOBase):
    """What `BufferedReader` reads from."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class WriteFile(io.RawIOBase):
    """A file being written: kept aside, and handed on whole when it is closed.

    Left by an exception it is forgotten, so that half a file never becomes a
    commit.
    """

    def __init__(self, done: Callable[[BinaryIO], None], *, path: str) -> None:
        """Starts empty; `done` gets what was written, once."""
        self._kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `close`
        self._done: Callable[[BinaryIO], None] | None = done
        self.path = path

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, until it is closed."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place."""
        return self._kept.seek(offset, whence)

    def tell(self) -> int:
        """Returns where the next byte goes."""
        return self._kept.tell()

    def truncate(self, size: int | None = None) -> int:
        """Cuts what was written."""
        self._kept.truncate(size)
        return self._kept.tell() if size is None else size

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Takes bytes."""
        return self._kept.write(data)

    def discard(self) -> None:
        """Closes without handing anything on."""
        self._done = None
        self.close()

    def close(self) -> None:
        """Hands on what was written."""
        if self.closed:
            return
        done, self._done = self._done, None
        try:
            if done is not None:
                self._kept.seek(0)
                done(cast("BinaryIO", self._kept))
        finally:
            self._kept.close()
            super().close()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Closes; after an exception nothing is handed on."""
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        """Forgets a file that nobody closed."""
        self._done = None
        super().__del__()
