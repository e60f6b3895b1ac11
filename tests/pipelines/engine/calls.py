"""What the sets of the tests' pipelines run: what a datum does stands in its first file.

Every word of the file is an order: `die PATH` once where a path is given,
`poison`, `recover`, `once PATH`, `write NAME`, `log TEXT`, `mark PATH`,
`hold PIPE`, `gate PIPE`, `nothing`, `many`, `large`, `unable SCOPE`,
`unable-once PATH`. What is not an order is a word to count.
"""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from headwater.pipelines.sets import CallError, DatumCall, DatumResult, SetPayload, SetResult
from headwater.storage import (
    NewFile,
    OutputFile,
    OutputStream,
    PortableFile,
    PortablePart,
    content_hash,
    open_store,
    read_portable,
)


def run_set(payload: bytes, scratch: Path) -> bytes:
    task = msgspec.msgpack.decode(payload, type=SetPayload)
    stream = OutputStream(open_store(task.store), task.reservation)
    results = tuple(Run(task, datum, stream).result() for datum in task.datums)
    return msgspec.msgpack.encode(SetResult(results, stream.finish()))


class Run:
    """One datum, carried out order by order."""

    def __init__(self, task: SetPayload, datum: DatumCall, stream: OutputStream | None = None) -> None:
        objects = open_store(task.store)
        self.files: dict[str, str] = {}
        for number in datum.pieces:
            pieces = task.pieces[number].files
            self.files |= {path: read_portable(file, objects).decode() for path, file in pieces}
        self.datum, self.first = datum, next(iter(self.files))
        self.stream, self.stored = stream, list[OutputFile]()
        self.out, self.log, self.words, self.counts = dict[str, str](), "", 0, True

    def result(self) -> DatumResult:
        for text in self.files.values():
            orders = iter(text.split())
            for order in orders:
                ended = self.carry_out(order, orders)
                if ended is not None:
                    return ended
        if self.counts:
            self.out[self.first] = str(self.words)
        small = [_file(path, text) for path, text in self.out.items()]
        made = tuple(sorted([*small, *self.stored], key=lambda one: one.path))
        stats = msgspec.msgpack.encode({"process_s": 0.5})
        return DatumResult(self.datum.key, "succeeded", made, stats, log=self.log.encode())

    def carry_out(self, order: str, rest: Iterator[str]) -> DatumResult | None:
        ending = {"poison": self.poison, "recover": self.recover, "skip": self.skip}.get(order)
        if ending is not None:
            return ending()
        if order == "unable":
            return self.unable(next(rest))
        told = {"write": self.write, "log": self.print, "mark": self.mark, "hold": hold, "gate": gate}.get(
            order
        )
        passing = {"die-once": die, "once": self.poison, "skip-once": self.skip, "unable-once": self.unable}
        once = passing.get(order)
        if told is not None:
            told(next(rest))
        elif once is not None:
            return once() if _is_first(next(rest)) else None
        elif order == "die":
            die()
        elif order == "nothing":
            self.counts = False
        elif order == "large":
            assert self.stream is not None
            self.stored += self.stream.add([NewFile(f"{self.first}.large", os.urandom(2_000_000))])
        elif order == "many":
            self.out |= {f"many/{self.first}/{number}": str(number) for number in range(20)}
        else:
            self.words += 1
        return None

    def poison(self) -> DatumResult:
        return _failed(self.datum, "failed", "it is poisoned", self.log)

    def recover(self) -> DatumResult:
        state = "recovered" if self.datum.is_last_try else "failed"
        return _failed(self.datum, state, "it was passed over", self.log)

    def unable(self, scope: str = "job-for-now") -> DatumResult:
        failed = _failed(self.datum, "failed", "there is no such program.", self.log)
        assert failed.error is not None
        error = msgspec.structs.replace(failed.error, kind="command-not-found", scope=scope)
        return msgspec.structs.replace(failed, error=error)

    def skip(self) -> DatumResult:
        return DatumResult(self.datum.key, "not-run")

    def write(self, path: str) -> None:
        self.out[path] = "x"

    def print(self, line: str) -> None:
        self.log += f"{line}\n"

    def mark(self, place: str) -> None:
        with Path(place).open("a") as marks:
            marks.write(f"{self.first}\n")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hold(pipe: str) -> None:
    """Waits until somebody reads the pipe, and then for ever."""
    Path(pipe).write_text("holding")
    threading.Event().wait()


def gate(pipe: str) -> None:
    """Waits until somebody writes into the pipe."""
    Path(pipe).read_text()


def _failed(datum: DatumCall, state: str, message: str, log: str) -> DatumResult:
    error = CallError("function-failed", message, "Mend it.", [])
    return DatumResult(datum.key, state, error=error, log=log.encode())  # type: ignore[arg-type]  # a word of SetState


def _is_first(marker: str) -> bool:
    if Path(marker).exists():
        return False
    Path(marker).touch()
    return True


def _file(path: str, text: str) -> OutputFile:
    data = text.encode()
    hash = content_hash(data)
    parts = (PortablePart(hash, len(data), data),) if data else ()
    return OutputFile(path, PortableFile(hash, len(data), False, parts), None)
