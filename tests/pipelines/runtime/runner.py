"""Runs datum sets in this process, with the user's code in real processes below it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec

from headwater.pipelines.runtime import run_set
from headwater.pipelines.sets import DatumCall, DatumResult, Piece, Recipe, SetPayload, SetResult
from headwater.pipelines.spec import Transform
from headwater.storage import (
    NewFile,
    OutputFile,
    OutputStream,
    PortableFile,
    PortablePart,
    Reservation,
    content_hash,
    open_store,
    read_portable,
)
from headwater.storage.values import Reserved


def portable(data: bytes, *, executable: bool = False) -> PortableFile:
    """Returns a file whose bytes ride along."""
    hash = content_hash(data)
    return PortableFile(hash, len(data), executable, (PortablePart(hash, len(data), data),) if data else ())


def piece(path: str, data: bytes | str = b"", *, input: str = "reviews", **options: Any) -> Piece:
    """Returns a matched file."""
    content = data.encode() if isinstance(data, str) else data
    return Piece(0, input, path, is_folder=False, files=((path, portable(content)),), **options)


def folder(path: str, files: Mapping[str, str | bytes], *, input: str = "reviews", **options: Any) -> Piece:
    """Returns a matched folder; paths of files are whole paths."""
    held = tuple(
        (name, portable(data.encode() if isinstance(data, str) else data))
        for name, data in sorted(files.items())
    )
    return Piece(0, input, path, is_folder=True, files=held, **options)


@dataclass
class Results:
    """What came of a set."""

    set: SetResult
    store: str

    @property
    def all(self) -> tuple[DatumResult, ...]:
        return self.set.results

    @property
    def one(self) -> DatumResult:
        assert len(self.all) == 1
        return self.all[0]

    @property
    def states(self) -> list[str]:
        return [result.state for result in self.all]

    def files(self, number: int = 0) -> dict[str, bytes]:
        """Returns what a datum wrote; it must have succeeded."""
        result = self.all[number]
        assert result.state == "succeeded", result
        return {file.path: self.read(file) for file in result.files}

    def read(self, file: OutputFile) -> bytes:
        return read_portable(file.file, open_store(self.store))

    def error(self, number: int = 0) -> tuple[str, str]:
        """Returns kind and message of a datum that failed."""
        error = self.all[number].error
        assert error is not None, self.all[number]
        return error.kind, error.message

    def log(self, number: int = 0) -> str:
        return self.all[number].log.decode()

    def stats(self, number: int = 0) -> dict[str, Any]:
        stats: dict[str, Any] = msgspec.msgpack.decode(self.all[number].stats)
        return stats


@dataclass
class Runner:
    """Hands sets to `run_set`."""

    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def store(self) -> str:
        return f"file:{self.folder}/objects"

    def stored(self, data: bytes) -> PortableFile:
        """Returns a file that lies in the object store."""
        number = next(self.numbers)
        stream = OutputStream(open_store(self.store), self.reservation())
        riding = [NewFile(f"fill-{number}", bytes(300_000)), NewFile("x", data)]
        file = stream.add(riding)[1].file
        stream.finish()
        return file

    def reservation(self, segments: int = 4) -> Reservation:
        numbers = [next(self.numbers) for _ in range(segments)]
        return Reservation(tuple(Reserved(one, f"segments/{one:08x}") for one in numbers), 2**62)

    def run(
        self,
        transform: Transform,
        pieces: Sequence[Piece],
        *,
        seen: Sequence[Sequence[int]] = (),
        code: Mapping[str, str | bytes] | None = None,
        segments: int = 4,
        is_last_try: bool = True,
        inputs: Sequence[str] = (),
        **recipe: Any,
    ) -> Results:
        """Runs one datum for each piece, or for each group of pieces in `seen`."""
        files = {} if code is None else code
        stored = tuple(
            (name, portable(dedent(text).encode() if isinstance(text, str) else text, executable=True))
            for name, text in files.items()
        )
        names = tuple(inputs) or tuple(dict.fromkeys(one.input for one in pieces))
        live = recipe.pop("live", None)
        told = {"HEADWATER_JOB": "job-1", "HEADWATER_PIPELINE": "score"} | recipe.pop("variables", {})
        made = Recipe(
            transform,
            names,
            recipe.pop("code_hash", f"code-{hash(stored)}"),
            stored,
            told,
            recipe.pop("secrets", {}),
            **recipe,
        )
        groups = seen or [(number,) for number in range(len(pieces))]
        datums = tuple(
            DatumCall(number.to_bytes(32, "big"), str(number), tuple(group), is_last_try=is_last_try)
            for number, group in enumerate(groups)
        )
        payload = SetPayload(
            self.store, msgspec.msgpack.encode(made), tuple(pieces), datums, self.reservation(segments), live
        )
        scratch = self.folder / f"call-{next(self.numbers)}"
        scratch.mkdir()
        result = run_set(msgspec.msgpack.encode(payload), scratch)
        assert list(scratch.iterdir()) == []
        return Results(msgspec.msgpack.decode(result, type=SetResult), self.store)

    def function(self, text: str, pieces: Sequence[Piece], **options: Any) -> Results:
        """Runs the function `f` of some code."""
        transform = Transform(
            function="score:f",
            **{name: options.pop(name) for name in ("setup", "batch", "env") if name in options},
            **{name: options.pop(name) for name in ("recovery",) if name in options},
        )
        return self.run(transform, pieces, code={"score.py": text}, **options)

    def shell(self, line: str, pieces: Sequence[Piece], **options: Any) -> Results:
        """Runs a line of shell."""
        given = {
            name: options.pop(name)
            for name in ("stdin", "accept", "recovery", "recovery_stdin", "env", "working_folder")
            if name in options
        }
        return self.run(Transform(command=("sh", "-c", line), **given), pieces, **options)
