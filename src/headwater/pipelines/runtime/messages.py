"""What the trusted side and a process with the user's function say to each other.

Plain values in msgpack, in frames with their length in front. What comes from
the user's process is decoded strictly and believed only where it concerns
that process's own datums.
"""

from typing import Any

import msgspec


class FileOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file of a piece; small ones come with their bytes."""

    path: str
    size: int
    data: bytes | None = None


class PieceOrder(msgspec.Struct, frozen=True, array_like=True):
    """A matched file or folder, under a number that it has for as long as the process remembers it.

    Its files are listed here where they are few, and on demand else; `digest`
    stands for all it holds. One that is not to be kept is forgotten with the
    run that it came with.
    """

    number: int
    input: str
    path: str
    is_folder: bool
    digest: bytes
    count: int
    keep: bool
    empty: bool
    files: list[FileOrder] | None


class DatumOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A datum: its number, its key as text, and the pieces that it sees."""

    number: int
    key: str
    pieces: list[int]


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Load the function out of the code folder, and call `setup`."""

    code: str
    function: str
    setup: str
    inputs: list[str]
    batch: bool
    folder: str


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Call the function for each group of datums; a group is one datum unless the function takes batches."""

    variables: dict[str, str | None]
    pieces: list[PieceOrder]
    groups: list[list[DatumOrder]]
    forget: list[int]


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """The file or folder that was asked for lies here."""

    path: str


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """The next files of a piece; fewer than were asked for only at its end."""

    files: list[FileOrder]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """What was asked for cannot be had."""

    message: str
    hint: str


class Failure(msgspec.Struct, frozen=True, array_like=True):
    """What a function raised; `errno` is set where the operating system refused something."""

    kind: str
    message: str
    hint: str
    details: list[dict[str, Any]]
    errno: int = 0


class DatumDone(msgspec.Struct, frozen=True, array_like=True):
    """What came of a datum: small outputs, whether there is a folder with more, and what was printed."""

    number: int
    outputs: list[tuple[str, bytes]]
    has_folder: bool
    log: bytes
    seconds: float
    failure: Failure | None = None


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The function is loaded and set up; `log` is what that printed. With `failure`, it is only loaded, or not even that."""

    log: bytes
    failure: Failure | None = None
    is_loaded: bool = True


class Results(msgspec.Struct, frozen=True, tag="results"):
    """Datums that are done; the last message of a run says so."""

    results: list[DatumDone]
    is_last: bool


class WantFile(msgspec.Struct, frozen=True, tag="file"):
    """Lay out one file of a piece."""

    piece: int
    index: int


class WantFolder(msgspec.Struct, frozen=True, tag="folder"):
    """Lay out a piece with all its files."""

    piece: int


class WantList(msgspec.Struct, frozen=True, tag="list"):
    """List the files of a piece from one on."""

    piece: int
    start: int


Order = Start | Run | Placed | Listed | Refused
Reply = Ready | Results | WantFile | WantFolder | WantList
