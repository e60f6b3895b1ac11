"""The process that a user's function runs in: `python -m headwater.pipelines.runtime.calling.function_host`.

It has a clean environment and talks to the trusted side over descriptor 3;
descriptor 4 is a page in memory where it notes which datum it is at, so that
the other side knows whom to blame when this process dies or does not end.
What the code prints goes into a file, which is handed over with each datum.
"""

import ctypes
import io
import mmap
import os
import signal
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from headwater.errors import Unavailable
from headwater.pipelines.runtime import logs
from headwater.pipelines.runtime.calling import binding
from headwater.pipelines.runtime.calling.objects import Datum, Input, Out
from headwater.pipelines.runtime.launch.channel import Channel, ChannelClosed
from headwater.pipelines.runtime.launch.processes import descendants
from headwater.pipelines.runtime.messages import (
    DatumDone,
    DatumOrder,
    Failure,
    FileOrder,
    Listed,
    Order,
    PieceOrder,
    Placed,
    Ready,
    Refused,
    Reply,
    Results,
    Run,
    Start,
    WantFile,
    WantFolder,
    WantList,
)
from headwater.settings import change_variables

SOCKET, PAGE = 3, 4
PAGE_BYTES = 8
_LOG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FLUSH_S, _FLUSH_BYTES = 0.005, 512 * 1024
_MOST_ONCE = 16
_ORPHANED = 113

_decoder: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
_encode = msgspec.msgpack.Encoder().encode


class Host:
    """One function, and the datums that it is called with."""

    def __init__(self, channel: Channel, page: mmap.mmap) -> None:
        self._channel, self._page = channel, page
        self._pieces: dict[int, PieceOrder] = {}
        self._inputs: dict[int, Input] = {}
        self._once: OrderedDict[tuple[object, ...], tuple[Any, Any]] = OrderedDict()
        self._pid = os.getpid()
        self._code, self._folder = "", Path()
        self._bound: binding.Bound | None = None
        self._state: Any = None
        self._names: list[str] = []
        self._batch = False
        self._helpers: set[int] = set()
        self._fflush = ctypes.CDLL(None).fflush
        self._pending: list[DatumDone] = []
        self._size = 0

    def start(self, order: Start) -> None:
        """Loads and sets up the function."""
        self._code, self._folder = order.code, Path(order.folder)
        self._names, self._batch = order.inputs, order.batch
        if order.code:
            sys.path.insert(0, order.code)
        failure = self._guarded(lambda: self._load(order))
        self._helpers = set(descendants(self._pid))
        self._send(Ready(self._log(1), failure, is_loaded=self._bound is not None))

    def run(self, order: Run) -> None:
        """Calls the function for each group of datums."""
        change_variables(order.variables)
        for number in order.forget:
            self._pieces.pop(number, None)
            self._inputs.pop(number, None)
        for piece in order.pieces:
            self._pieces[piece.number] = piece
        flushed_s = time.perf_counter()
        for index, group in enumerate(order.groups):
            now_s = time.perf_counter()
            if self._pending and (now_s - flushed_s > _FLUSH_S or self._size > _FLUSH_BYTES):
                self._flush(is_last=False)
                flushed_s = now_s
            self._page[:PAGE_BYTES] = (index + 1).to_bytes(PAGE_BYTES, "little")
            self._call(group)
        self._page[:PAGE_BYTES] = bytes(PAGE_BYTES)
        self._flush(is_last=True)
        for piece in order.pieces:
            if not piece.keep:
                self._pieces.pop(piece.number, None)
                self._inputs.pop(piece.number, None)

    def file(self, piece: int, index: int) -> str:
        """Asks for a file to be laid out."""
        return self._placed(WantFile(piece, index))

    def folder(self, piece: int) -> str:
        """Asks for a piece to be laid out."""
        return self._placed(WantFolder(piece))

    def listing(self, piece: int, start: int) -> Sequence[FileOrder]:
        """Asks for more files of a piece."""
        reply = self._ask(WantList(piece, start))
        assert isinstance(reply, Listed), "a list was asked for"
        return reply.files

    def once(self, digest: bytes, load: Callable[[Input], Any], input: Input) -> Any:
        """Returns what `load` made of an input with this content, calling it the first time."""
        code = getattr(load, "__code__", load)
        cells = getattr(load, "__closure__", None) or ()
        key = (digest, code, *(id(cell.cell_contents) for cell in cells))
        if key in self._once:
            self._once.move_to_end(key)
        else:
            before = set(descendants(self._pid))
            self._once[key] = (load(input), load)
            self._helpers |= set(descendants(self._pid)) - before
            while len(self._once) > _MOST_ONCE:
                self._once.popitem(last=False)
        return self._once[key][0]

    def _load(self, order: Start) -> None:
        function = binding.find(order.function, "function")
        setup = binding.find(order.setup, "setup") if order.setup else None
        has_state = setup is not None
        if order.batch:
            self._bound = binding.bind_batch(function, order.function, has_state=has_state)
        else:
            self._bound = binding.bind(function, order.function, order.inputs, has_state=has_state)
        if setup is not None:
            self._state = setup()

    def _call(self, group: list[DatumOrder]) -> None:
        started_s = time.perf_counter()
        outs = [Out(self._folder / "out" / str(datum.number)) for datum in group]
        failure = self._guarded(lambda: self._invoke(group, outs))
        seconds = (time.perf_counter() - started_s) / len(group)
        log = self._log(len(group))
        self._end_strays()
        for datum, out in zip(group, outs, strict=True):
            written, has_folder = out.taken()
            kept = [] if failure is not None else written
            done = DatumDone(datum.number, kept, has_folder, log, seconds, failure)
            self._pending.append(done)
            self._size += len(log) + sum(len(data) for _, data in kept)

    def _invoke(self, group: list[DatumOrder], outs: list[Out]) -> None:
        bound = self._bound
        assert bound is not None, "a function that cannot be loaded is not called"
        state = {binding.STATE: self._state} if bound.takes_state else {}
        if self._batch:
            datums = [Datum(one.key, self._seen(one), out) for one, out in zip(group, outs, strict=True)]
            bound.call(datums, **state)
            return
        for datum, out in zip(group, outs, strict=True):
            seen = self._seen(datum)
            given: dict[str, Any] = {
                name: seen[name]
                for name in bound.names
                if seen[name] is not None or name not in bound.optional
            }
            if bound.takes_out:
                given[binding.OUT] = out
            bound.call(**given, **state)

    def _seen(self, datum: DatumOrder) -> dict[str, Input | None]:
        seen: dict[str, Input | None] = dict.fromkeys(self._names)
        several: dict[str, list[PieceOrder]] = {}
        for number in datum.pieces:
            piece = self._pieces[number]
            if seen.get(piece.input) is None:
                if number not in self._inputs:
                    self._inputs[number] = Input(piece.input, [piece], self)
                seen[piece.input] = self._inputs[number]
            several.setdefault(piece.input, []).append(piece)
        for name, pieces in several.items():
            if len(pieces) > 1:
                seen[name] = Input(name, pieces, self)
        return seen

    def _guarded(self, call: Callable[[], None]) -> Failure | None:
        """Calls the user's code; whatever it raises becomes something to tell."""
        failure: Failure | None = None
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
            binding.print_traceback(error, self._code)
            failure = binding.describe(error, self._code)
        if os.getpid() != self._pid:
            os._exit(0)  # the code forked and came back here twice
        return failure

    def _log(self, shares: int) -> bytes:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue  # the code closed it
        self._fflush(None)  # what libraries in C printed
        return logs.take(_LOG, max(4096, logs.MOST_BYTES // shares))

    def _end_strays(self) -> None:
        """Ends what the datum's code started and left behind."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return  # there is nothing below this process
        strays = set(descendants(self._pid)) - self._helpers
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for pid in strays:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue

    def _placed(self, wanted: WantFile | WantFolder) -> str:
        reply = self._ask(wanted)
        assert isinstance(reply, Placed), "a place was asked for"
        return reply.path

    def _ask(self, wanted: Reply) -> Order:
        self._send(wanted)
        reply = self._next()
        if isinstance(reply, Refused):
            raise Unavailable(reply.message, hint=reply.hint)
        return reply

    def _flush(self, *, is_last: bool) -> None:
        self._send(Results(self._pending, is_last))
        self._pending, self._size = [], 0

    def _send(self, reply: Reply) -> None:
        try:
            self._channel.send(_encode(reply))
        except ChannelClosed:
            os._exit(_ORPHANED)

    def _next(self) -> Order:
        try:
            body = self._channel.receive()
        except ChannelClosed:
            os._exit(_ORPHANED)
        assert body is not None, "there is no time limit"
        return _decoder.decode(body)

    def serve(self) -> NoReturn:
        """Follows orders until nobody gives them any more."""
        while True:
            order = self._next()
            if isinstance(order, Start):
                self.start(order)
            elif isinstance(order, Run):
                self.run(order)


def main() -> None:
    """Serves the trusted side."""
    for descriptor in (SOCKET, PAGE):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function's own parameter
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="replace")
    sys.argv = [""]
    connection = socket.socket(fileno=SOCKET)
    Host(Channel(connection), mmap.mmap(PAGE, PAGE_BYTES)).serve()


if __name__ == "__main__":
    main()
