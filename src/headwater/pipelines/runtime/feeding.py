"""Files that are fetched when a command opens them: named pipes, fed by a thread of the trusted side.

A pipe is fed once. As soon as somebody reads from it, a new pipe takes its
place under the same name, so that the file can be opened again.
"""

import errno
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from headwater.pipelines.calls import Reported, reporting
from headwater.pipelines.runtime.laying import Shelf
from headwater.pipelines.sets import CallError
from headwater.storage import ObjectStore, PortableFile

_SHORTEST_S = 0.005
_SHARE = 4  # between two looks at all pipes passes this many times what a look takes
_CHUNK = 65_536


class _Lazy(NamedTuple):
    place: Path
    file: PortableFile


class Feeder:
    """Feeds the lazy files of one datum for as long as it runs."""

    def __init__(self, shelf: Shelf, store: ObjectStore) -> None:
        """Has no files yet."""
        self._shelf, self._store = shelf, store
        self._files: list[_Lazy] = []
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.fetched_bytes = 0
        self.fault: CallError | None = None

    def add(self, file: PortableFile, place: Path) -> None:
        """Makes a pipe for a file; call it before `start`."""
        os.mkfifo(place, 0o444)
        self._files.append(_Lazy(place, file))

    def start(self) -> None:
        """Feeds from now on whoever opens a file."""
        if self._files:
            self._run(self._watch)

    def stop(self) -> None:
        """Feeds nobody any more; call it when those who read are gone."""
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _watch(self) -> None:
        wait_s = _SHORTEST_S
        while not self._end.wait(wait_s):
            started_s = time.monotonic()
            for lazy in self._files:
                descriptor = _opened(lazy.place)
                if descriptor is not None:
                    self._renew(lazy.place)
                    self._run(self._feed, descriptor, lazy.file)
            wait_s = max(_SHORTEST_S, _SHARE * (time.monotonic() - started_s))

    def _renew(self, place: Path) -> None:
        fresh = place.with_name(f".{place.name}.next"[:255])
        try:
            os.mkfifo(fresh, 0o444)
            fresh.replace(place)
        except OSError:
            return  # the code removed its input

    def _feed(self, descriptor: int, file: PortableFile) -> None:
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "wb", buffering=0) as pipe:
            try:
                with reporting("reading"), self._lock:
                    source = self._shelf.take(file, self._store)
                    self.fetched_bytes += file.size
                    content = source.open("rb")
                with content:
                    while data := content.read(_CHUNK):
                        pipe.write(data)
            except BrokenPipeError:
                return  # whoever read had enough
            except Reported as reported:
                self.fault = reported.error

    def _run(self, target: object, *arguments: object) -> None:
        assert callable(target), "a method of this class"
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


def _opened(place: Path) -> int | None:
    """Opens a pipe for writing; none where nobody reads from it."""
    try:
        return os.open(place, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ENOENT, errno.ENOTDIR}:
            return None
        raise
