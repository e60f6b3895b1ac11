"""Runs a set's datums through a Python function, in a process that stays up between sets.

Many datums go in one message. What falls with one datum falls for that datum
only: the rest goes to a new process. A batch that fails is called again datum
by datum, so that the one to blame is found.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count, islice

from headwater.pipelines.calls import Reported, reporting
from headwater.pipelines.runtime import logs
from headwater.pipelines.runtime.calling.function_process import Fallen
from headwater.pipelines.runtime.calling.serving import Serving, drop, serving_for
from headwater.pipelines.runtime.capturing import Roots
from headwater.pipelines.runtime.errors import ProcessDied
from headwater.pipelines.runtime.messages import (
    DatumDone,
    DatumOrder,
    FileOrder,
    Listed,
    PieceOrder,
    Placed,
    Refused,
    Run,
    WantFile,
    WantFolder,
    WantList,
)
from headwater.pipelines.runtime.names import checked_name
from headwater.pipelines.runtime.work import Took, Work, call_error, error_of, in_folder
from headwater.pipelines.sets import CallError, Piece
from headwater.storage import NewFile, PortableFile, read_portable, read_together

_MOST_DATUMS, _MOST_INLINE_BYTES = 256, 2 * 1024 * 1024
_SMALL_BYTES, _MOST_RIDING_BYTES = 256 * 1024, 16 * 1024 * 1024
_LISTED, _PAGE = 64, 1_000
_KEEP_BYTES = 1024 * 1024
_READS = 8

Wanted = WantFile | WantFolder | WantList


@dataclass
class _Sent:
    """One message's worth of datums, and what is known of them while they run."""

    groups: list[list[int]] = field(default_factory=list)
    orders: list[list[DatumOrder]] = field(default_factory=list)
    pieces: list[PieceOrder] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)  # place in the payload → number at the process
    places: dict[int, int] = field(default_factory=dict)  # the reverse
    laid: set[int] = field(default_factory=set)
    datums: dict[int, int] = field(default_factory=dict)  # number at the process → place in the payload
    group_of: dict[int, int] = field(default_factory=dict)  # place in the payload → place in `groups`
    fetch_s: dict[int, float] = field(default_factory=dict)
    faults: dict[int, CallError] = field(default_factory=dict)  # by group: what could not be fetched
    later_s: dict[int, float] = field(default_factory=dict)
    later_bytes: dict[int, int] = field(default_factory=dict)
    inline: int = 0


class Functions:
    """The datums of one set, on their way through a function."""

    def __init__(self, work: Work) -> None:
        """Has run nothing yet."""
        self._work = work
        size, total = work.recipe.transform.batch, len(work.task.datums)
        self._waiting = deque(list(range(at, min(at + size, total))) for at in range(0, total, size))
        self._numbers = count(1)
        self._near: dict[bytes, bytes] = {}
        self._alone: set[int] = set()  # datums that get a message of their own

    def run(self) -> None:
        """Runs all datums; each has a result when this returns."""
        work = self._work
        while self._waiting and not work.is_spent:
            try:
                with reporting("reading"):
                    serving = serving_for(work, self._waiting[0])
            except Reported as reported:
                for index in self._left():
                    work.fail(index, reported.error, reported.log)
                return
            self._round(serving)
        for index in self._left():
            work.not_run(index)

    def _left(self) -> list[int]:
        indexes = [index for group in self._waiting for index in group]
        self._waiting.clear()
        return indexes

    def _round(self, serving: Serving) -> None:
        sent = self._packed(serving)
        if not sent.orders:
            return
        variables = serving.changes(self._work.recipe.variables)
        order = Run(variables, sent.pieces, sent.orders, serving.surplus())
        left = dict.fromkeys(index for group in sent.groups for index in group)
        single: set[int] = set()

        def answer(wanted: Wanted, group: int) -> Placed | Listed | Refused:
            return self._answer(serving, sent, wanted, group)

        hear = self._shown(serving, sent)
        try:
            for done in serving.process.run(order, answer, hear, self._work.watch):
                index = sent.datums.pop(done.number, None)
                if index is None:
                    continue  # it can speak of its own datums only, and once
                del left[index]
                if not self._take(serving, sent, index, done):
                    single.add(index)
            self._missing(left)
        except Fallen as fallen:
            drop(self._work, serving)
            single |= self._fell(sent, fallen, left)
            self._waiting.extendleft(
                reversed([kept for group in sent.groups if (kept := [one for one in group if one in left])])
            )
        self._waiting.extendleft([index] for index in sorted(single, reverse=True))
        for number in sent.laid:
            if any(piece.number == number and not piece.keep for piece in sent.pieces):
                serving.remove(number)

    def _shown(self, serving: Serving, sent: _Sent) -> Callable[[int, int], None]:
        """Returns what shows the log of the datums in hand, to others, while the function is at them."""
        live, process = self._work.live, serving.process
        live.begin(goes_on=bool(serving.preface))

        def hear(at: int, log: int) -> None:
            if 0 <= at < len(sent.groups):
                preface = serving.preface if at == 0 else b""
                live.look(log, sent.groups[at], preface=preface, still=lambda: process.at == at)

        return hear

    def _missing(self, left: Iterable[int]) -> None:
        for index in left:
            silent = ProcessDied(
                "The process of the function did not say what came of a datum.",
                hint="The code must leave the descriptors alone that it did not open.",
            )
            self._work.fail(index, error_of(silent), b"")

    def _fell(self, sent: _Sent, fallen: Fallen, left: dict[int, None]) -> set[int]:
        """Deals with the group that a process fell with; returns the datums to be called one by one."""
        at = 0 if len(sent.groups) == 1 else fallen.group
        if at is None or at >= len(sent.groups):
            at, blamed = 0, []
        else:
            blamed = [index for index in sent.groups[at] if index in left]
        if not blamed:  # any of them may have done it: one message for each shows which
            self._alone |= set(left)
            return set()
        for index in blamed:
            del left[index]
        if len(blamed) > 1:
            return set(blamed)
        for index in blamed:
            took = self._took(sent, index, at, 0.0)
            self._work.fail(index, sent.faults.get(at) or error_of(fallen.error), fallen.log, took)
        return set()

    def _take(self, serving: Serving, sent: _Sent, index: int, done: DatumDone) -> bool:
        """Notes what came of a datum; tells whether it is done with."""
        work, at = self._work, sent.group_of[index]
        folder = serving.process.folder / "out" / str(done.number)
        log, serving.preface = logs.shorten(serving.preface + done.log), b""
        took = self._took(sent, index, at, done.seconds)
        try:
            if at in sent.faults:
                work.fail(index, sent.faults[at], log, took)
            elif done.failure is not None:
                if len(sent.groups[at]) > 1:
                    return False
                work.fail(index, call_error(done.failure, work.watch), log, took)
            else:
                with reporting("writing"):
                    outputs = [NewFile(checked_name(name), data) for name, data in done.outputs]
                if done.has_folder:
                    outputs += in_folder(folder, Roots((serving.process.folder / "in",)))
                work.succeed(index, outputs, took, log)
        except Reported as reported:
            work.fail(index, reported.error, log, took)
        finally:
            if done.has_folder:
                work.home.discard(folder)
        return True

    def _took(self, sent: _Sent, index: int, group: int, process_s: float) -> Took:
        later_s = sent.later_s.get(group, 0.0)
        return self._work.took(
            self._work.task.datums[index],
            sent.fetch_s.get(index, 0.0) + later_s,
            max(0.0, process_s - later_s),
            sent.later_bytes.get(group, 0),
        )

    def _packed(self, serving: Serving) -> _Sent:
        """Takes groups off the waiting ones for one message."""
        sent, datums = _Sent(), self._work.task.datums
        self._read_ahead(serving)
        while self._waiting and len(sent.datums) < _MOST_DATUMS and sent.inline < _MOST_INLINE_BYTES:
            if sent.groups and not self._alone.isdisjoint((self._waiting[0][0], sent.groups[-1][0])):
                break
            group, orders = self._waiting.popleft(), list[DatumOrder]()
            for index in list(group):
                started_s = time.perf_counter()
                try:
                    with reporting("reading"):
                        numbers = [self._piece(serving, sent, place) for place in datums[index].pieces]
                except Reported as reported:
                    group.remove(index)
                    self._work.fail(index, reported.error, b"")
                    continue
                number = next(self._numbers)
                sent.datums[number] = index
                sent.group_of[index] = len(sent.groups)
                sent.fetch_s[index] = time.perf_counter() - started_s
                orders.append(DatumOrder(number, datums[index].key.hex(), numbers))
            if orders:
                sent.groups.append(group)
                sent.orders.append(orders)
        return sent

    def _read_ahead(self, serving: Serving) -> None:
        """Reads the small files of the next message with as few requests as they allow."""
        work, files = self._work, list[PortableFile]()
        size = 0
        for index in (index for group in islice(self._waiting, _MOST_DATUMS) for index in group):
            for place in work.task.datums[index].pieces:
                piece = work.task.pieces[place]
                if piece.lazy or piece.empty or len(piece.files) > _LISTED:
                    continue
                wanted = [file for _, file in piece.files if _is_far(file)]
                if wanted and serving.known(work.digest(place)) is None:
                    files += wanted
                    size += sum(file.size for file in wanted)
            if size > _MOST_INLINE_BYTES:
                break
        self._near = read_together(files, work.store, at_once=_READS) if len(files) > 1 else {}

    def _piece(self, serving: Serving, sent: _Sent, place: int) -> int:
        """Returns the number of a piece at the process, sending it along unless it knows it."""
        if place in sent.numbers:
            return sent.numbers[place]
        piece, digest = self._work.task.pieces[place], self._work.digest(place)
        number = serving.known(digest)
        if number is None:
            number = next(serving.numbers)
            keep = self._work.uses[place] > 1 or self._work.weight(place).size >= _KEEP_BYTES
            count = len(piece.files)
            files = self._orders(sent, piece, 0, count) if count <= _LISTED else None
            sent.pieces.append(
                PieceOrder(
                    number, piece.input, piece.path, piece.is_folder, digest, count, keep, piece.empty, files
                )
            )
            if keep:
                serving.remember(digest, number)
        sent.numbers[place], sent.places[number] = number, place
        return number

    def _orders(self, sent: _Sent, piece: Piece, start: int, end: int) -> list[FileOrder]:
        orders = []
        for path, file in piece.files[start:end]:
            data = None
            rides = file.size <= _SMALL_BYTES and sent.inline <= _MOST_RIDING_BYTES
            if rides and not (piece.lazy or piece.empty):
                data = self._near.get(file.hash) or read_portable(file, self._work.store)
                sent.inline += len(data)
            orders.append(FileOrder(path, file.size, data))
        return orders

    def _answer(self, serving: Serving, sent: _Sent, wanted: Wanted, group: int) -> Placed | Listed | Refused:
        started_s, work = time.perf_counter(), self._work
        place = sent.places.get(wanted.piece)
        if place is None:
            return Refused(
                "The datum of this file is over.",
                "Read inputs while the function runs, and keep what you need.",
            )
        piece = work.task.pieces[place]
        try:
            with reporting("reading"):
                match wanted:
                    case WantFile():
                        if not 0 <= wanted.index < len(piece.files):
                            return Refused("There is no such file.", "Use the files that the input gives.")
                        self._note(sent, group, piece, [piece.files[wanted.index][1]])
                        sent.laid.add(wanted.piece)
                        found = serving.place_file(work, piece, wanted.piece, wanted.index)
                        return Placed(str(found))
                    case WantFolder():
                        self._note(sent, group, piece, [file for _, file in piece.files])
                        sent.laid.add(wanted.piece)
                        return Placed(str(serving.place_folder(work, piece, wanted.piece)))
                    case _:
                        start = max(0, wanted.start)
                        return Listed(self._orders(sent, piece, start, start + _PAGE))
        except Reported as reported:
            sent.faults[group] = reported.error
            return Refused(reported.error.message, reported.error.hint)
        finally:
            sent.later_s[group] = sent.later_s.get(group, 0.0) + time.perf_counter() - started_s

    def _note(self, sent: _Sent, group: int, piece: Piece, files: Iterable[PortableFile]) -> None:
        """Counts what is fetched of a lazy piece, which counts as read only then."""
        if piece.lazy:
            size = sum(file.size for file in files)
            sent.later_bytes[group] = sent.later_bytes.get(group, 0) + size


def _is_far(file: PortableFile) -> bool:
    return file.size <= _SMALL_BYTES and len(file.parts) == 1 and file.parts[0].data is None
