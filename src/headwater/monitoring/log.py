"""The prediction log: every answer durably on this disk before it leaves, by the minute in a commit.

An answer cannot wait for a commit, and a commit per answer would drown the
history. So `accept` appends to a spool file and syncs it once per group, and a
thread commits what the spools hold to `predictions/<endpoint>`. Whoever
commits, the server, the next one after a kill, or a command that looks for a
prediction, takes the endpoint's turn and leaves out what the writer's last
committed file covers. So each record is committed exactly once.

Spools are `spool.py`'s, names of files `layout.py`'s, repos `committed.py`'s.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from headwater.clock import Clock
from headwater.ids import UlidSource
from headwater.monitoring.committed import Found, PredictionRepos
from headwater.monitoring.errors import InvalidEndpointName, LogClosed, PredictionNotFound
from headwater.monitoring.layout import Line, is_prediction_id, read_line
from headwater.monitoring.spool import SpoolFile, SpoolWriter, commit_turn, spool_files
from headwater.repos import Repos
from headwater.serving import PredictionRecord
from headwater.telemetry import logger

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


class PredictionLog:
    """Keeps the predictions of one server; several servers may log to one folder at once."""

    def __init__(self, folder: Path, repos: Repos, *, clock: Clock, commit_every_s: float = 60.0) -> None:
        """Opens nothing yet.

        Args:
            folder: Where the spools are, the same for all servers of a workspace.
            repos: The workspace's repos.
            clock: Names the writers.
            commit_every_s: How long a record may wait for its commit while the log is started.
        """
        self._folder = folder
        self._repos = PredictionRepos(repos)
        self._clock = clock
        self._commit_every_s = commit_every_s
        self._lock = threading.Lock()
        self._names = UlidSource()
        self._encoder = msgspec.json.Encoder()
        self._writers: dict[str, _Writer] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Commits by the minute from now on, first what a killed server has left."""
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._commit_by_the_minute, name="prediction-log", daemon=True
                )
                self._thread.start()

    def accept(self, records: Sequence[PredictionRecord]) -> None:
        """Returns once all records are on the disk; one sync per endpoint.

        Raises:
            LogClosed: The log was closed.
            OSError: The disk does not take them.
        """
        groups: dict[str, list[PredictionRecord]] = {}
        for record in records:
            groups.setdefault(record.endpoint, []).append(record)
        with self._lock:
            if self._closing.is_set():
                raise LogClosed
            for endpoint, group in groups.items():
                self._append(endpoint, group)

    def flush(self) -> None:
        """Commits all that this log, and any server that died, has accepted."""
        with self._lock:
            for writer in self._writers.values():
                writer.spool.seal()
        self.recover()

    def recover(self) -> int:
        """Commits what lies in the spools, those of running servers too, and returns how many records that were."""
        folders = sorted(path for path in self._folder.glob("*") if path.is_dir())
        return sum(self._commit(folder) for folder in folders)

    def find(self, prediction: str) -> Found:
        """Returns the record of an answered prediction and where it is committed, committing it where it is not yet.

        Raises:
            PredictionNotFound: No answer had this id.
        """
        if not is_prediction_id(prediction):
            raise PredictionNotFound(prediction)
        found = self._repos.find(prediction)
        if found is None:
            self.recover()
            found = self._repos.find(prediction)
        if found is None:
            raise PredictionNotFound(prediction)
        return found

    def close(self) -> None:
        """Commits all and ends; a second call does nothing."""
        with self._lock:
            was_closing = self._closing.is_set()
            self._closing.set()
            thread = self._thread
        if was_closing:
            return
        if thread is not None:
            thread.join()
        self.flush()

    def _append(self, endpoint: str, records: Sequence[PredictionRecord]) -> None:
        writer = self._writers.get(endpoint)
        for record in records:
            if writer is None or record.id <= writer.last:
                # Order within a writer is what files are found by; who breaks it goes on as another one.
                writer = self._new_writer(endpoint, writer)
            writer.last = record.id
            writer.lines.append(self._encoder.encode(record))
        if writer is not None:
            writer.write()

    def _new_writer(self, endpoint: str, before: "_Writer | None") -> "_Writer":
        if not _NAME.fullmatch(endpoint):
            raise InvalidEndpointName(endpoint)
        if before is not None:
            before.write()
            before.spool.seal()
        spool = SpoolWriter(self._folder / endpoint, self._names.next(self._clock.now_ms()).lower())
        writer = self._writers[endpoint] = _Writer(spool)
        return writer

    def _commit(self, folder: Path) -> int:
        with commit_turn(folder):
            files = spool_files(folder)
            writers = dict.fromkeys(file.writer for file in files)
            return sum(
                self._commit_writer(folder.name, [f for f in files if f.writer == name]) for name in writers
            )

    def _commit_writer(self, endpoint: str, files: Sequence[SpoolFile]) -> int:
        with ExitStack() as locks:
            # Whether a file is complete is asked before it is read: nothing can be appended to it after that.
            complete = [file for file in files if locks.enter_context(file.claimed())]
            reading = _Reading(files)
            writer = files[0].writer
            committed = self._repos.commit(endpoint, writer, reading.lines())
            for file in complete:
                if file in reading.damaged:
                    kept = file.set_aside()
                    logger("monitoring").warning("spool has unreadable lines", file=str(kept))
                else:
                    file.delete()
        return committed

    def _commit_by_the_minute(self) -> None:
        log = logger("monitoring")
        while True:
            try:
                self.flush()
            except Exception:
                log.warning("predictions not committed", exc_info=True)
            if self._closing.wait(self._commit_every_s):
                return


class _Reading:
    """Reads the files of one writer one after the other and remembers which hold lines that are no records."""

    def __init__(self, files: Sequence[SpoolFile]) -> None:
        self._files = files
        self.damaged: list[SpoolFile] = []

    def lines(self) -> Iterator[tuple[bytes, Line]]:
        for file in self._files:
            for text in file.lines():
                line = read_line(text)
                if line is not None:
                    yield text, line
                elif file not in self.damaged:
                    self.damaged.append(file)


class _Writer:
    """What this log appends to one endpoint."""

    def __init__(self, spool: SpoolWriter) -> None:
        self.spool = spool
        self.last = ""
        self.lines: list[bytes] = []

    def write(self) -> None:
        """Makes the gathered lines durable."""
        lines, self.lines = self.lines, []
        if lines:
            self.spool.append(b"".join(line + b"\n" for line in lines))
