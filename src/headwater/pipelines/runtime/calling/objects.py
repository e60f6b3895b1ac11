"""What a user's function sees of a datum: inputs with their files, and an output.

    def score(reviews, model, out):
        classify = model.once(load)                 # once per process and model
        for file in reviews.files():
            out.write(file.name + ".json", classify(file.read_text()))

Bytes of small files are here already; larger ones are fetched when they are
asked for. Paths are whole paths in the repo, without a slash in front, so that
they can be joined to a folder.
"""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from headwater.pipelines.runtime.errors import InvalidFunction, InvalidOutput
from headwater.pipelines.runtime.messages import FileOrder, PieceOrder
from headwater.pipelines.runtime.names import checked_name

T = TypeVar("T")

_SPILL_BYTES = 256 * 1024  # larger outputs go by disk, and so do all of a datum that are large together


class Source(Protocol):
    """Where what is not here yet comes from."""

    def file(self, piece: int, index: int) -> str:
        """Returns where a file lies, after it was fetched."""
        ...

    def folder(self, piece: int) -> str:
        """Returns a folder with all files of a piece at their paths."""
        ...

    def listing(self, piece: int, start: int) -> Sequence[FileOrder]:
        """Returns the files of a piece from one on, many but not all."""
        ...

    def once(self, digest: bytes, load: Callable[["Input"], Any], input: "Input") -> Any:
        """Returns what `load` made of such an input, calling it unless it did so before."""
        ...


class File:
    """One file of an input."""

    __slots__ = ("_index", "_order", "_piece", "_source")

    def __init__(self, order: FileOrder, piece: PieceOrder, index: int, source: Source) -> None:
        self._order, self._piece, self._index, self._source = order, piece, index, source

    @property
    def path(self) -> str:
        """The path in the repo, without a slash in front."""
        return self._order.path

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._order.path.rpartition("/")[2]

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self._order.size

    def read_bytes(self) -> bytes:
        """Returns the content; nothing where the pipeline asked for names only (`empty_files`)."""
        if self._order.data is not None:
            return self._order.data
        return b"" if self._piece.empty else self.local().read_bytes()

    def read_text(self, encoding: str = "utf-8") -> str:
        """Returns the content as text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "rb", encoding: str = "utf-8") -> IO[Any]:
        """Opens the content for reading: `rb` for bytes, `r` for text."""
        if mode not in {"rb", "r", "rt"}:
            raise InvalidFunction(
                f"The input file {self.path!r} cannot be opened with the mode {mode!r}.",
                hint="Inputs are read only: use 'rb' or 'r', and write to `out`.",
            )
        data = self._order.data
        binary: IO[bytes]
        if data is None and not self._piece.empty:
            binary = self.local().open("rb")
        else:
            binary = io.BytesIO(data or b"")
        return binary if mode == "rb" else io.TextIOWrapper(binary, encoding=encoding)

    def local(self) -> Path:
        """Returns the path of a real file with the content, to be read only."""
        return Path(self._source.file(self._piece.number, self._index))

    def __repr__(self) -> str:
        return f"<file {self.path} of {self._piece.input}, {self.size:,} bytes>"


class Input:
    """What a datum sees of one input: a matched file or folder, or several where the input is grouped."""

    __slots__ = ("_name", "_pieces", "_source")

    def __init__(self, name: str, pieces: list[PieceOrder], source: Source) -> None:
        self._name, self._pieces, self._source = name, pieces, source

    @property
    def name(self) -> str:
        """The name of the input."""
        return self._name

    @property
    def path(self) -> str:
        """The matched path in the repo, without a slash in front; empty for the whole repo."""
        return self._only("path").path

    @property
    def paths(self) -> list[str]:
        """All matched paths: one, unless the input is grouped."""
        return [piece.path for piece in self._pieces]

    def files(self) -> Iterator[File]:
        """Yields the files in the order of their paths, those of each matched path together."""
        for piece in self._pieces:
            for index, order in enumerate(self._orders(piece)):
                yield File(order, piece, index, self._source)

    @property
    def file(self) -> File:
        """The only file."""
        count = len(self)
        if count != 1:
            raise InvalidFunction(
                f"The input {self._name!r} has {count:,} files here, not one.",
                hint="Go through `.files()`, or match single files with the glob.",
            )
        return next(self.files())

    @property
    def folder(self) -> Path:
        """A real folder with the files, to be read only.

        For a matched folder it is that folder, for a matched file the one that
        it lies in. Where several paths were matched it is the root of the repo,
        with all of them at their paths.
        """
        if len(self._pieces) == 1:
            piece = self._pieces[0]
            inner = piece.path if piece.is_folder else piece.path.rpartition("/")[0]
            return Path(self._source.folder(piece.number)) / inner
        return self._together()

    def once(self, load: Callable[["Input"], T]) -> T:
        """Returns `load(self)`, computed once in each worker process for the same content.

        Use it for what is costly and the same for many datums, such as a model.
        """
        digest = b"".join(piece.digest for piece in self._pieces)
        result: T = self._source.once(digest, load, self)
        return result

    def __iter__(self) -> Iterator[File]:
        return self.files()

    def __len__(self) -> int:
        return sum(piece.count for piece in self._pieces)

    def __repr__(self) -> str:
        return f"<input {self._name}: {', '.join(piece.path or '/' for piece in self._pieces[:3])}>"

    def _only(self, what: str) -> PieceOrder:
        if len(self._pieces) != 1:
            raise InvalidFunction(
                f"The input {self._name!r} matched {len(self._pieces):,} paths in this group, so it has no one {what}.",
                hint=f"Use `.{what}s`, or go through `.files()`.",
            )
        return self._pieces[0]

    def _orders(self, piece: PieceOrder) -> Iterator[FileOrder]:
        if piece.files is not None:
            yield from piece.files
            return
        start = 0
        while start < piece.count:
            orders = self._source.listing(piece.number, start)
            yield from orders
            start += len(orders)

    def _together(self) -> Path:
        roots = [Path(self._source.folder(piece.number)) for piece in self._pieces]
        numbers = hash(tuple(piece.number for piece in self._pieces))
        place = roots[0].with_name(f"{roots[0].name}-{numbers & 0xFFFFFFFF:08x}")
        for file in self.files() if not place.exists() else ():
            target = place / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.hardlink_to(file.local())
        place.mkdir(exist_ok=True)
        return place


class Out:
    """Where a datum's output goes: by name, or as files in a real folder."""

    __slots__ = ("_folder", "_place", "_size", "_written")

    def __init__(self, place: Path) -> None:
        self._place, self._folder = place, False
        self._written: dict[str, bytes] = {}
        self._size = 0

    def write(self, name: str, data: Any) -> None:
        """Writes one file; one that was written before under this name is replaced.

        Args:
            name: Its path in the output.
            data: Text, bytes, or a data frame, which becomes what the name's ending
                says: `.csv`, `.parquet` or `.json`. A `.json` may be any value that JSON has.

        Raises:
            InvalidOutput: No file can have the name, or the data is none of these.
        """
        path = checked_name(str(name))
        content = data if type(data) is bytes else _content(data, path)
        self._size += len(content)
        if self._folder or self._size > _SPILL_BYTES:
            self._put(path, content)
        else:
            self._written[path] = content

    @property
    def folder(self) -> Path:
        """A real folder; whatever lies in it when the function returns is output."""
        if not self._folder:
            self._folder = True
            self._place.mkdir(parents=True, exist_ok=True)
            for path, content in self._written.items():
                self._put(path, content)
            self._written = {}
        return self._place

    def taken(self) -> tuple[list[tuple[str, bytes]], bool]:
        """Returns what is to be sent, and whether there is a folder with more."""
        return list(self._written.items()), self._folder

    def _put(self, path: str, content: bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(content)


class Datum:
    """One datum of a batch: an attribute for each input, and `out`."""

    def __init__(self, key: str, inputs: dict[str, Input | None], out: Out) -> None:
        self.key, self.inputs, self.out = key, inputs, out

    def __getattr__(self, name: str) -> Any:  # an `Input`; none for the missing side of an outer join
        try:
            return self.inputs[name]
        except KeyError:
            known = ", ".join(sorted(self.inputs))
            raise AttributeError(
                f"A datum has no {name!r}; its inputs are {known}, its output is `out`."
            ) from None


def _content(data: Any, path: str) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    if hasattr(data, "columns"):
        return _table(data, path)
    if path.endswith(".json") and (data is None or isinstance(data, dict | list | tuple | int | float)):
        return json.dumps(data, ensure_ascii=False).encode()
    raise InvalidOutput(
        f"The output {path!r} was given {type(data).__name__}.",
        hint="Give text, bytes, or a data frame with a name that ends with .csv, .parquet or .json.",
    )


def _table(table: Any, path: str) -> bytes:
    if not path.lower().endswith(".json"):
        from headwater.repos.reading.frames import encode  # as `put` writes tables

        return encode(table, path)
    if hasattr(table, "to_json"):  # pandas
        return str(table.to_json(orient="records", date_format="iso", force_ascii=False)).encode()
    rows = table.to_dicts() if hasattr(table, "to_dicts") else table.to_pylist()
    return json.dumps(rows, ensure_ascii=False, default=str).encode()
