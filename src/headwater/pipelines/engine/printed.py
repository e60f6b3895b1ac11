"""What the code of a job's datums printed, for a reader who may come back for what is new.

While a job runs, its accepted sets are read from where the reader was last,
and what the sets that still run have shown of themselves is told besides; of
a log that is shown and accepted later, only the rest. When the job has ended,
its meta tree has the logs, and those that were told are passed over. So
following a job costs what is new, and no line comes twice.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from time import monotonic
from typing import NamedTuple

from headwater.api.documents import LogInfo
from headwater.pipelines import store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.engine.accepted import read_set
from headwater.pipelines.engine.live import LiveLogs, Seen
from headwater.pipelines.engine.parts import Readable
from headwater.pipelines.engine.records import Known
from headwater.pipelines.engine.runs import Runs
from headwater.pipelines.errors import AmbiguousDatum, DatumNotFound, JobNotFound
from headwater.pipelines.job_documents import ENDED
from headwater.pipelines.runtime.logs import left_out_line, rest

_PAGE = 64
_LOOK_S = 0.5  # listing a distant store has its price


class Wanted(NamedTuple):
    """Which lines are wanted: of a datum whose key begins so, with this text, of datums that failed."""

    datum: str | None = None
    grep: str | None = None
    failed: bool = False

    def has(self, key: bytes) -> bool:
        """Tells whether a datum may be wanted."""
        return self.datum is None or key.hex().startswith(self.datum)


class _Shown(NamedTuple):
    """What was told of a log that still grows: of which run of the code, and from which byte up to its end."""

    run: tuple[str, int]
    start: int
    text: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Printed:
    """The lines of one job, told once each."""

    def __init__(
        self,
        parts: Readable,
        job: str,
        wanted: Wanted,
        ended: Callable[[store.JobRow], Iterator[tuple[bytes, Known]]],
        *,
        follow: bool = False,
    ) -> None:
        """Has told nothing yet.

        Args:
            parts: Where everything is.
            job: The job's id.
            wanted: Which lines are told.
            ended: Returns the wanted datums of a job that has ended, in the order of their keys.
            follow: Whether the reader comes back until the job has ended.
        """
        self._parts, self._job, self._ended, self._follow = parts, job, ended, follow
        datum = None if wanted.datum is None else wanted.datum.lower()
        self._wanted = wanted._replace(datum=datum)
        self._live = LiveLogs(parts.storage.objects, job)
        self._looked_s = float("-inf")
        self._place: dict[str, int] = {}
        self._told: Runs[None] = Runs(None)
        self._shown: dict[bytes, _Shown] = {}
        self._over: set[bytes] = set()  # datums with a result of which something was shown, or still is
        self._matching: set[bytes] = set()
        self.has_ended = False

    def new(self) -> Iterator[LogInfo]:
        """Yields the lines that there are by now and that were not told yet.

        Raises:
            AmbiguousDatum: Several datums' keys begin as is wanted.
            DatumNotFound: None does; when the job has ended, or nobody follows it.
            JobNotFound: There is no such job.
        """
        row = self._row()
        if row.state in store.TAKEN:
            live = self._in_hand()  # first: what is not there any more has been accepted then
            yield from self._accepted(live)
            yield from self._growing(live)
            if not self._follow:  # who does not come back is told the rest, where it has ended meanwhile
                row = self._row()
        self.has_ended = row.state in ENDED
        if self.has_ended:
            yield from self._kept(row)
            self._told.close()
        if self._wanted.datum is not None and not (self._matching or self._follow or self.has_ended):
            raise DatumNotFound(self._wanted.datum, job=self._job)

    def _row(self) -> store.JobRow:
        with self._parts.catalog.read() as conn:
            row = store.job_by_id(conn, self._job)
        if row is None:
            raise JobNotFound(self._job)
        return row

    def _in_hand(self) -> dict[bytes, Seen]:
        if self._wanted.failed or (self._follow and monotonic() - self._looked_s < _LOOK_S):
            return {}
        self._looked_s = monotonic()
        return {key: one for key, one in self._live.look().items() if self._matches(key)}

    def _accepted(self, live: dict[bytes, Seen]) -> Iterator[LogInfo]:
        for part in self._parts_since():
            found = read_set(part.results)
            for result, label in zip(found.results, found.labels, strict=True):
                key = result.key
                if not self._matches(key):
                    continue
                if key in live or key in self._shown:
                    self._over.add(key)
                if result.log:
                    self._told.add(key, None)
                    if not self._wanted.failed or result.state != "succeeded":
                        yield from self._rest(key, label, self._job, result.log)

    def _parts_since(self) -> Iterator[rows.Part]:
        while True:
            with self._parts.catalog.read() as conn:
                page = list(islice(rows.parts_of(conn, self._job, after=self._place), _PAGE))
            self._place |= {part.job_id: part.number for part in page}
            yield from page
            if len(page) < _PAGE:
                return

    def _kept(self, row: store.JobRow) -> Iterator[LogInfo]:
        told = iter(self._told.sorted())
        at = next(told, None)
        for key, known in self._ended(row):
            while at is not None and at[0] < key:
                at = next(told, None)
            is_told = at is not None and at[0] == key
            place = known.log_place
            if is_told or place is None or (self._wanted.failed and known.record.state == "succeeded"):
                continue
            log = self._parts.storage.read(place)
            yield from self._rest(key, known.record.label, known.record.job, log)

    def _rest(self, key: bytes, label: str, job: str, log: bytes) -> Iterator[LogInfo]:
        shown = self._shown.pop(key, None)
        new = log if shown is None else rest(log, shown.text, is_whole=shown.start == 0)
        return self._lines(LogInfo(key.hex(), label, job, ""), new)

    def _growing(self, live: dict[bytes, Seen]) -> Iterator[LogInfo]:
        for key, (name, log) in live.items():
            if key in self._over:
                continue
            shown = self._shown.get(key)
            run = name, log.run
            end = 0 if shown is None or shown.run != run else shown.end
            new = log.text[max(0, end - log.start) :]
            if log.start > end:
                new = left_out_line(log.start - end) + new
            self._shown[key] = _Shown(run, log.start, log.text)
            yield from self._lines(
                LogInfo(key.hex(), dict(log.datums)[key], self._job, "", running=True), new
            )

    def _lines(self, info: LogInfo, log: bytes) -> Iterator[LogInfo]:
        for line in log.decode(errors="replace").splitlines():
            if self._wanted.grep is None or self._wanted.grep in line:
                yield LogInfo(info.datum, info.label, info.job, line, info.running)

    def _matches(self, key: bytes) -> bool:
        if self._wanted.datum is None:
            return True
        if not self._wanted.has(key):
            return False
        self._matching.add(key)
        if len(self._matching) > 1:
            raise AmbiguousDatum(self._wanted.datum, sorted(one.hex() for one in self._matching))
        return True
