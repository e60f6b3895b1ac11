"""Makes pipelines and gives them new versions: any number in one transaction, so that all of them are there or none.

Code is stored and globs are tried before the transaction begins, which then
holds the pipelines, their clocks and the jobs that they start.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from sqlalchemy import Connection

from headwater.api.documents import JobInfo, PipelineInfo
from headwater.clock import Clock
from headwater.db import Catalog
from headwater.ids import random_id
from headwater.pipelines import pipeline_store, store
from headwater.pipelines.dag import LONG_RUNNING, Ticker, Trigger, Triggers, Wish, crons_of
from headwater.pipelines.errors import InvalidSpec, PipelineExists, PipelineNotFound
from headwater.pipelines.job_documents import job_document
from headwater.pipelines.order import in_order
from headwater.pipelines.pipeline_documents import documents
from headwater.pipelines.spec import LoadedSpec, PipelineSpec
from headwater.pipelines.store import NewVersion, PipelineRow
from headwater.pipelines.validation import Mistake, check, globbed, together, try_globs
from headwater.pipelines.versions import stored
from headwater.repos import Repos
from headwater.storage import Storage, Writer


class _Given(NamedTuple):
    """A spec with its stored code."""

    spec: PipelineSpec
    writer: Writer
    version: NewVersion
    empty: Mapping[int, Mistake] = {}


class PipelineMaking:
    """What `Pipelines` does to make pipelines and to change them."""

    def __init__(
        self, catalog: Catalog, repos: Repos, trigger: Trigger, clock: Clock, storage: Storage
    ) -> None:
        """Keeps the parts."""
        self._catalog, self._repos, self._trigger, self._clock = catalog, repos, trigger, clock
        self._storage = storage
        self._ticker = Ticker(catalog, storage, repos, trigger, trigger.queue, clock)
        self._triggers = Triggers(catalog, repos, trigger, trigger.queue, clock)

    def create(self, loaded: LoadedSpec, *, author: str = "", allow_empty: bool = False) -> PipelineInfo:
        """Creates a pipeline, and starts its first job where all of its inputs have something to read.

        Args:
            loaded: The spec, and the code that goes with it.
            author: Who creates it.
            allow_empty: Whether globs may match nothing of what is there.

        Raises:
            InvalidSpec: It does not fit the workspace; all mistakes are named.
            PipelineExists: There is one of this name.
        """
        return self.create_all([loaded], author=author, allow_empty=allow_empty)[0]

    def create_all(
        self, loaded: Sequence[LoadedSpec], *, author: str = "", allow_empty: bool = False
    ) -> list[PipelineInfo]:
        """Creates pipelines, which may read one another, or none of them; see `create`.

        Raises:
            InvalidSpec: Some do not fit the workspace; all mistakes of all of them are named. Or they go in a circle.
            PipelineExists: There is one of a name.
        """

        def make(conn: Connection, given: _Given) -> PipelineRow:
            spec = given.spec
            if store.find_pipeline(conn, spec.name) is not None:
                raise PipelineExists(spec.name)
            check(conn, self._repos, spec, own=None, empty=given.empty)
            given.writer.publish(conn)
            pipeline = store.add_pipeline(conn, spec, self._clock.now_ms())
            return self._set_up(conn, pipeline, spec, given.version)

        return self._all(loaded, make, author=author, look=not allow_empty)

    def update(
        self, loaded: LoadedSpec, *, reprocess: bool = False, author: str = "", allow_empty: bool = False
    ) -> PipelineInfo:
        """Gives a pipeline a new version, which runs at once on what is there; nothing happens where nothing differs.

        Args:
            loaded: The spec, and the code that goes with it.
            reprocess: Forget all results, so that every datum runs again, now or when it is needed.
            author: Who updates it.
            allow_empty: Whether globs may match nothing of what is there.

        Raises:
            InvalidSpec: It does not fit the workspace; all mistakes are named.
            PipelineNotFound: There is none of this name.
        """
        return self.update_all([loaded], reprocess=reprocess, author=author, allow_empty=allow_empty)[0]

    def update_all(
        self,
        loaded: Sequence[LoadedSpec],
        *,
        reprocess: bool = False,
        author: str = "",
        allow_empty: bool = False,
    ) -> list[PipelineInfo]:
        """Gives pipelines new versions, or none of them; see `update`.

        Raises:
            InvalidSpec: Some do not fit the workspace; all mistakes of all of them are named.
            PipelineNotFound: There is none of a name.
        """

        def change(conn: Connection, given: _Given) -> PipelineRow | None:
            pipeline = self._row(conn, given.spec.name)
            if not reprocess and _is_same(conn, pipeline, given):
                return None
            check(conn, self._repos, given.spec, own=pipeline, empty=given.empty)
            given.writer.publish(conn)
            salt = random_id() if reprocess else None
            return self._set_up(conn, pipeline, given.spec, given.version, salt=salt)

        return self._all(loaded, change, author=author, look=not allow_empty, reprocess=reprocess)

    def _all(
        self,
        loaded: Sequence[LoadedSpec],
        act: Callable[[Connection, _Given], PipelineRow | None],
        *,
        author: str,
        look: bool,
        reprocess: bool = False,
    ) -> list[PipelineInfo]:
        """Does the same for all in one transaction, then starts those for which something was done."""
        with ExitStack() as stack:
            now_ms = self._clock.now_ms()
            given = []
            for one in loaded:
                writer, version = stack.enter_context(
                    stored(self._storage, one, author=author, now_ms=now_ms)
                )
                given.append(_Given(one.spec, writer, version))
            if look:
                given = self._looked(given, unchanged_too=reprocess)
            conn = stack.enter_context(self._catalog.write())
            rows: list[PipelineRow] = []
            errors: dict[int, InvalidSpec | PipelineExists | PipelineNotFound] = {}
            for at in in_order([each.spec for each in given]):
                try:
                    row = act(conn, given[at])
                except (InvalidSpec, PipelineExists, PipelineNotFound) as error:
                    errors[at] = error
                    self._make_output(conn, given[at].spec)  # what reads it has mistakes of its own only
                else:
                    rows += [] if row is None else [row]
            if errors:
                raise together([errors[at] for at in sorted(errors)])
            for row in rows:
                self._start_changed(conn, row)
            return [self._info(conn, one.spec.name) for one in loaded]

    def _looked(self, given: Sequence[_Given], *, unchanged_too: bool) -> list[_Given]:
        """Tries the globs of what is new at the heads that there are now."""
        with self._catalog.read() as conn:
            rows = [store.find_pipeline(conn, one.spec.name) for one in given]
            commits = [
                globbed(conn, self._repos, one.spec)
                if row is None or unchanged_too or not _is_same(conn, row, one)
                else []
                for row, one in zip(rows, given, strict=True)
            ]
        return [
            one._replace(empty=try_globs(self._repos, one.spec, at))
            for one, at in zip(given, commits, strict=True)
        ]

    def _start_changed(self, conn: Connection, pipeline: PipelineRow) -> None:
        """Starts a pipeline at its new version, unless one that was changed with it has done that already."""
        newest = pipeline_store.newest_job(conn, pipeline)
        is_started = newest is not None and newest[1] == pipeline.version
        if pipeline.state == "running" and not is_started:
            self._start(conn, pipeline, Wish("request"))

    def _set_up(
        self,
        conn: Connection,
        pipeline: PipelineRow,
        spec: PipelineSpec,
        version: NewVersion,
        *,
        salt: str | None = None,
    ) -> PipelineRow:
        """Writes a version with what belongs to it: the repos it writes, its clocks, the branches it lets follow."""
        self._make_output(conn, spec)
        for _, cron in crons_of(spec):
            self._repos.ensure(conn, cron.repo, kind="output")
        row = store.add_version(conn, pipeline, spec, version, salt=salt)
        wanted = [item for item in spec.inputs() if item.trigger is not None]
        self._triggers.replace(conn, row.id, wanted)
        if row.state == "running":
            self._ticker.arm(conn, row, spec)
        return row

    def _make_output(self, conn: Connection, spec: PipelineSpec) -> None:
        self._repos.ensure(conn, spec.output.repo, kind="output")
        self._repos.ensure_branch(conn, spec.output.repo, spec.output.branch)

    def _start(self, conn: Connection, pipeline: PipelineRow, wish: Wish) -> JobInfo | None:
        """Starts a job of a pipeline that has jobs, and the process of one that runs for ever."""
        if pipeline.kind in LONG_RUNNING:
            self._trigger.wake_long(conn, pipeline)
            return None
        set_id = self._repos.new_set(conn)
        job = self._trigger.start(conn, self._repos, pipeline, wish, set_id=set_id)
        row = None if job is None else store.job_by_id(conn, job)
        return None if row is None else job_document(row, pipeline.name)

    @staticmethod
    def _row(conn: Connection, name: str) -> PipelineRow:
        row = store.find_pipeline(conn, name)
        if row is None:
            raise PipelineNotFound(name, store.pipeline_names(conn))
        return row

    def _info(self, conn: Connection, name: str) -> PipelineInfo:
        return documents(conn, self._trigger.queue, pipeline_store.shown(conn, name))[0]


def _is_same(conn: Connection, pipeline: PipelineRow, given: _Given) -> bool:
    return store.version_of(conn, pipeline.id, pipeline.version).digest == given.version.digest
