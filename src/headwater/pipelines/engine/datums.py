"""The datums of a job, as people look at them: what each did, what it printed, what it saw.

Those that ran in a job are what differs between its meta tree and that of the
job it started from, so a job over one file of a million is looked at at the
cost of one. While a job runs they come from what has been accepted of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from headwater.api.documents import DatumInfo
from headwater.errors import NotFound
from headwater.pipelines import store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.engine.accepted import read_set
from headwater.pipelines.engine.failures import inputs_of_datum
from headwater.pipelines.engine.live import LiveLogs
from headwater.pipelines.engine.load import base_of, load
from headwater.pipelines.engine.parts import Readable
from headwater.pipelines.engine.payload import Pieces, each_input
from headwater.pipelines.engine.printed import Printed, Wanted
from headwater.pipelines.engine.records import DatumRecord, Known, known_of, owner_of
from headwater.pipelines.errors import AmbiguousDatum, DatumNotFound, JobNotFound
from headwater.pipelines.kind import Datum, DatumInput, JobView, Kind, PlanBase
from headwater.pipelines.sets import DatumResult, Piece
from headwater.repos import Commit
from headwater.storage import MapEntry

_INPUTS = 100
_CANDIDATES = 5


@dataclass(frozen=True)
class Seen:
    """What a datum's code sees: its job, and the pieces of each input."""

    job: JobView
    datum: Datum
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Origin:
    """What wrote a file: a datum, in the job that ran it, with what it saw there where that can still be said."""

    key: bytes
    info: DatumInfo
    job: store.JobRow
    pipeline: str
    inputs: tuple[tuple[DatumInput, Commit], ...]


class DatumReader:
    """Looks at the datums of jobs."""

    def __init__(self, parts: Readable, kinds: Mapping[str, Kind]) -> None:
        """Takes where everything is, and the kinds of pipelines there are by name."""
        self._parts, self._kinds = parts, kinds

    def datums(self, job: str, *, state: str | None = None, all: bool = False) -> Iterator[DatumInfo]:
        """Yields the datums that ran in a job, in the order of their keys, or all that its output consists of.

        While it runs, those that have a result, and those that are in hand and take their time.

        Args:
            job: The job's id.
            state: Only those in this state.
            all: Those too that were kept from jobs before.

        Raises:
            JobNotFound: There is no such job.
        """
        row = self._row(job)
        live = LiveLogs(self._parts.storage.objects, job).look() if row.state in store.TAKEN else {}
        for key, known in self._found(row, all=all):
            live.pop(key, None)
            if state is None or known.record.state == state:
                yield _info(key, known.record)
        if state is None or state == "running":
            for key, (_, log) in live.items():
                yield DatumInfo(key.hex(), dict(log.datums)[key], "running", job, code="", files=0, size=0)

    def datum(self, job: str, key: str) -> DatumInfo:
        """Returns one datum with the files that it sees, by its key or a beginning of that.

        Raises:
            AmbiguousDatum: Several keys begin so.
            DatumNotFound: None does.
            JobNotFound: There is no such job.
        """
        row = self._row(job)
        found, known = self._one(row, key)
        try:
            datum = self._datum(row, known.record)
        except NotFound:  # what it saw was given up since
            datum = None
        inputs = [] if datum is None else list(islice(inputs_of_datum(datum), _INPUTS))
        return _info(found, known.record, inputs)

    def printed(
        self,
        job: str,
        *,
        datum: str | None = None,
        grep: str | None = None,
        failed: bool = False,
        follow: bool = False,
    ) -> Printed:
        """Returns the lines that the code of a job's datums printed, for one reader.

        Args:
            job: The job's id.
            datum: Only those of this one, by its key or a beginning of that.
            grep: Only those that hold this text.
            failed: Only those of datums that failed.
            follow: The reader comes back until the job has ended.
        """

        def ended(row: store.JobRow) -> Iterator[tuple[bytes, Known]]:
            return self._found(row) if datum is None else iter([self._one(row, datum)])

        return Printed(self._parts, job, Wanted(datum, grep, failed), ended, follow=follow)

    def seen(self, job: str, key: str) -> Seen:
        """Returns what a datum's code sees, to lay it out for a person.

        Raises:
            AmbiguousDatum, DatumNotFound, JobNotFound: As for `datum`.
        """
        row = self._row(job)
        found, known = self._one(row, key)
        loaded = load(self._parts, self._kinds, row)
        datum = self._datum(row, known.record)
        if datum is None:
            raise DatumNotFound(found.hex(), job=job)
        pieces = Pieces(self._parts.storage, loaded.view.leaves, loaded.view.spec.inputs())
        return Seen(loaded.view, datum, tuple(pieces.piece(item) for item in each_input(datum)))

    def origin(self, commit: Commit, path: str) -> Origin | None:
        """Returns what wrote a file of a pipeline's commit: O(log n), whatever the commit holds.

        None for a file that no datum wrote, or whose job is not known any more.
        """
        if commit.purge is not None or commit.roots.owner is None or commit.roots.meta is None:
            return None
        owner = self._parts.storage.map_tree(commit.roots.owner).get(path.strip("/").encode())
        if owner is None:
            return None
        key = owner_of(owner)
        entry = self._parts.storage.map_tree(commit.roots.meta).entry(key)
        if entry is None:
            return None
        record = known_of(entry).record
        with self._parts.catalog.read() as conn:
            row = store.job_by_id(conn, record.job)
            pipeline = None if row is None else store.pipeline_by_id(conn, row.pipeline_id)
        if row is None or pipeline is None:
            return None
        return Origin(key, _info(key, record), row, pipeline.name, tuple(self._seen_by(row, record)))

    def _seen_by(self, row: store.JobRow, record: DatumRecord) -> Iterator[tuple[DatumInput, Commit]]:
        try:
            datum = self._datum(row, record)
            leaves = load(self._parts, self._kinds, row).view.leaves
        except NotFound:  # what it saw was given up since
            return
        if datum is not None:
            yield from ((one, leaves[one.leaf].commit) for one in islice(each_input(datum), _INPUTS))

    def _row(self, job: str) -> store.JobRow:
        with self._parts.catalog.read() as conn:
            row = store.job_by_id(conn, job)
        if row is None:
            raise JobNotFound(job)
        return row

    def _found(self, row: store.JobRow, *, all: bool = False) -> Iterator[tuple[bytes, Known]]:
        if row.state in store.TAKEN:
            yield from self._accepted(row)
            return
        commit = self._parts.repos.commit_by_id(row.commit_id or "")
        if commit.purge is not None:
            return
        meta = base_of(self._parts.storage, commit).meta
        if all:
            yield from ((entry.key, known_of(entry)) for entry in meta.entries())
            return
        with self._parts.catalog.read() as conn:
            based, recipe = rows.based(conn, row.id)
            before = rows.base_before(conn, row, recipe) if based else None
        earlier = None if before is None else self._parts.repos.commit_by_id(before.commit_id)
        readable = None if earlier is None or earlier.purge is not None else earlier
        for _, entry in base_of(self._parts.storage, readable).meta.diff(meta):
            if entry is not None:
                known = known_of(entry)
                if known.record.job == row.id:
                    yield entry.key, known

    def _accepted(self, row: store.JobRow) -> Iterator[tuple[bytes, Known]]:
        for result, memo, label in self._parts_of(row):
            files = result.files
            record = DatumRecord(
                format=0,
                memo=memo,
                state="succeeded" if result.state == "not-run" else result.state,
                code="",
                output=b"",
                files=len(files),
                size=sum(one.file.size for one in files),
                label=label,
                stats={},
                job=row.id,
            )
            yield result.key, Known(record, ())

    def _parts_of(self, row: store.JobRow) -> Iterator[tuple[DatumResult, bytes, str]]:
        with self._parts.catalog.read() as conn:
            for part in rows.parts_of(conn, row.id):
                found = read_set(part.results)
                yield from zip(found.results, found.memos, found.labels, strict=True)

    def _one(self, row: store.JobRow, key: str) -> tuple[bytes, Known]:
        found = list(islice(self._beginning(row, key.lower()), _CANDIDATES))
        if not found:
            raise DatumNotFound(key, job=row.id)
        if len(found) > 1:
            raise AmbiguousDatum(key, [one.hex() for one, _ in found])
        return found[0]

    def _beginning(self, row: store.JobRow, key: str) -> Iterator[tuple[bytes, Known]]:
        if row.state in store.TAKEN:
            yield from (one for one in self._accepted(row) if one[0].hex().startswith(key))
            return
        commit = self._parts.repos.commit_by_id(row.commit_id or "")
        try:
            whole = bytes.fromhex(key[: len(key) // 2 * 2])
        except ValueError:
            return
        entries: Iterator[MapEntry] = base_of(self._parts.storage, commit).meta.entries(whole)
        yield from ((entry.key, known_of(entry)) for entry in entries if entry.key.hex().startswith(key))

    def _datum(self, row: store.JobRow, record: DatumRecord) -> Datum | None:
        """Returns a datum again, in the commits of the job; none where its record does not say where."""
        if not record.locator or row.state in store.TAKEN:
            return None
        loaded = load(self._parts, self._kinds, row)
        writer = self._parts.storage.writer()
        try:
            commit = self._parts.repos.commit_by_id(row.commit_id or "")
            # From the job's own state, which has the index already: nothing has to be gone through.
            base = PlanBase(loaded.view.leaves, self._parts.storage.map_tree(commit.roots.index))
            return loaded.kind.planner(loaded.view, base, writer).find(record.locator)
        finally:
            writer.abort()


def _info(key: bytes, record: DatumRecord, inputs: list[str] | None = None) -> DatumInfo:
    return DatumInfo(
        datum=key.hex(),
        label=record.label,
        state=record.state,
        job=record.job,
        code=record.code,
        files=record.files,
        size=record.size,
        inputs=inputs or [],
        stats=record.stats,
        error=None if record.error is None else record.error.message,
    )
