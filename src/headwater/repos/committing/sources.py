"""What a file can be made of: bytes, text, streams, files of this machine, tables; and how it is stored for later."""

import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from headwater.errors import InvalidInput
from headwater.repos.reading import frames
from headwater.storage import Content, FileEntry, Writer

Data = bytes | bytearray | memoryview | str | Path | BinaryIO | frames.Frame
Source = bytes | Path | BinaryIO

IN_MEMORY_BYTES = 1024 * 1024


def entry_of(path: str, content: Content) -> FileEntry:
    """Returns a content as a file at a path."""
    return FileEntry(path, content.hash, content.size, content.executable, content.place)


def stored_behind(writer: Writer, path: str, before: FileEntry | None, sources: list[Source]) -> Content:
    """Stores sources of `Stage.appended` behind a file, or one after the other where there is none."""
    content: Content | None = None
    for source in sources:
        if not isinstance(source, bytes | Path):
            source.seek(0)  # for another try
        entry = before if content is None else entry_of(path, content)
        content = writer.add(source) if entry is None else writer.append(entry, source)
    assert content is not None, "a path without sources is not kept"
    return content


def source_of(data: Data, path: str) -> Source:
    """Returns what was given to be put at a path as bytes, a stream of bytes, or a file of this machine.

    Raises:
        InvalidInput: It is none of these, and no table that the path has an ending for.
    """
    match data:
        case str():
            return data.encode()
        case bytearray() | memoryview():
            return bytes(data)
        case bytes() | Path():
            return data
    if frames.is_frame(data):
        return frames.encode(data, path)
    if not hasattr(data, "read"):
        raise InvalidInput(
            f"A file cannot be made of {type(data).__name__!r}.",
            hint="Pass bytes, text, a pathlib.Path, a file that is open for reading bytes, or a data frame.",
        )
    return cast("BinaryIO", data)


def kept(stream: BinaryIO) -> BinaryIO:
    """Returns the rest of a stream as one that can be read again for a second try."""
    copy = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - lives as long as the commit
    shutil.copyfileobj(stream, copy)
    return cast("BinaryIO", copy)
