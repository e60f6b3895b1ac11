"""What a job would do if it started now, and why; nothing runs, and nothing is written.

The plan is that of a real job: same kinds, same planners, same decisions. It
is also there for a spec that no pipeline has yet, and for one that would be a
pipeline's next version.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Protocol

from sqlalchemy import Connection

from headwater.api.documents import PlanInfo, PlanReason, PlanRow
from headwater.ids import JobId, SetId
from headwater.pipelines import code, store
from headwater.pipelines.code import CodeBundle
from headwater.pipelines.dag import LONG_RUNNING, Choosing, has_no_jobs
from headwater.pipelines.engine.failures import inputs_of
from headwater.pipelines.engine.load import Loaded, code_of, find_start
from headwater.pipelines.engine.memo import open_memo
from headwater.pipelines.engine.parts import Readable
from headwater.pipelines.engine.plan import Drop, Plan, Tally
from headwater.pipelines.errors import InvalidSpec, PipelineNotFound, UnknownKind
from headwater.pipelines.keys import datum_key
from headwater.pipelines.kind import JobView, Kind, StoredCode
from headwater.pipelines.spec import PipelineSpec
from headwater.storage import Writer

_INPUTS = 100
_NEVER_SALT = "0" * 32


class SpecWithCode(Protocol):
    """A spec as it was read, with the code that goes with it."""

    @property
    def spec(self) -> PipelineSpec:
        """The spec."""
        ...

    @property
    def code(self) -> CodeBundle | None:
        """Its code; none for none."""
        ...


class Preview:
    """A plan that nobody carries out; each look at it goes through it once."""

    def __init__(self, parts: Readable, loaded: Loaded) -> None:
        """Takes what a job would read; see `preview`."""
        self._parts, self._loaded = parts, loaded

    def info(self) -> PlanInfo:
        """Returns how many datums there are for each reason."""
        with self._plan() as plan:
            tally = Tally(plan)
            for step in plan.steps():
                tally.add(step)
            counts = tally.counts()
        total = sum(count for reason, count in counts.items() if reason != "dropped")
        note = "" if total else "The inputs have no datums: their globs match nothing."
        shown: dict[PlanReason, int] = {reason: count for reason, count in counts.items() if count}
        return PlanInfo(self._loaded.pipeline.name, shown, total, total - counts["kept"], note)

    def rows(self) -> Iterator[PlanRow]:
        """Yields the datums that would run or go, as the plan comes to them."""
        with self._plan() as plan:
            for step in plan.steps():
                if isinstance(step, Drop):
                    yield PlanRow(step.was.record.label, "dropped", [])
                elif step.reason != "kept":
                    yield PlanRow(step.datum.label, step.reason, list(islice(inputs_of(step), _INPUTS)))

    @contextmanager
    def _plan(self) -> Iterator[Plan]:
        parts, loaded = self._parts, self._loaded
        forced = loaded.view.spec.reprocess == "every_job"
        start = find_start(parts, loaded, forced=forced)
        memo = None if forced else open_memo(parts.catalog, parts.storage, loaded.pipeline)
        closing = loaded.kind.closing(loaded.view)
        writer = parts.storage.writer()
        try:
            yield Plan(
                planner=loaded.kind.planner(loaded.view, start.plan, writer),
                keys=loaded.keys,
                meta=start.base.meta,
                unfinished=start.base.unfinished,
                recall=(lambda _: None) if memo is None else memo.recall,
                whole=start.plan is None,
                forced=forced,
                apart=None if closing is None else datum_key(closing),
            )
        finally:
            writer.abort()


def preview(parts: Readable, kinds: Mapping[str, Kind], what: str | SpecWithCode) -> Preview:
    """Returns what a job would do now, counted or datum by datum.

    Args:
        parts: Where everything is.
        kinds: The kinds of pipelines there are by name.
        what: The name of a pipeline, or a spec.

    Raises:
        InvalidSpec: An input has no commit to read yet.
        PipelineNotFound: There is no pipeline of this name.
        UnknownKind: There is no such kind.
    """
    writer = parts.storage.writer()
    try:
        return Preview(parts, _loaded(parts, kinds, what, writer))
    finally:
        writer.abort()


def _loaded(parts: Readable, kinds: Mapping[str, Kind], what: str | SpecWithCode, writer: Writer) -> Loaded:
    name = what if isinstance(what, str) else what.spec.name
    with parts.catalog.read() as conn:
        pipeline = store.find_pipeline(conn, name)
        if isinstance(what, str):
            if pipeline is None:
                raise PipelineNotFound(name, store.pipeline_names(conn))
            spec = store.spec_of(conn, pipeline.id, pipeline.version)
            stored = code_of(store.version_of(conn, pipeline.id, pipeline.version))
        else:
            spec = what.spec
            stored = None
        heads = _heads(conn, parts, spec)
    if not isinstance(what, str):
        stored = _would_be_stored(spec, what.code, writer)
    if spec.kind not in kinds:
        if spec.kind in LONG_RUNNING:
            raise has_no_jobs(name, spec.kind)
        raise UnknownKind(spec.kind, pipeline=name, known=kinds)
    row = pipeline or store.PipelineRow(
        0, name, spec.kind, 0, spec.output.repo, spec.output.branch, _NEVER_SALT, "running"
    )
    missing = [
        f"{item.repo}@{item.branch}" for item, head in zip(spec.inputs(), heads, strict=True) if not head
    ]
    if missing:
        raise InvalidSpec(
            f"There is nothing to read yet at {', '.join(missing)}.",
            hint="Commit some data first: `headwater put …`.",
        )
    commits = [parts.repos.commit_by_id(head or "") for head in heads]
    leaves = tuple(parts.repos.view(commit) for commit in commits)
    names = [item.name for item in spec.inputs()]
    view = JobView(
        id=JobId(""),
        pipeline=name,
        spec=spec,
        set_id=SetId(""),
        cause="request",
        inputs=dict(zip(names, commits, strict=True)),
        views=dict(zip(names, leaves, strict=True)),
        previous=None,
        leaves=leaves,
        code=stored,
    )
    reads = [
        store.JobInput(leaf, item.name, item.repo, item.branch, commit.id)
        for leaf, (item, commit) in enumerate(zip(spec.inputs(), commits, strict=True))
    ]
    return Loaded(kinds[spec.kind], row, _no_job(row), view, reads, None)


def _heads(conn: Connection, parts: Readable, spec: PipelineSpec) -> list[str | None]:
    """Returns the commits that a job would read, in the order of the spec; none for a branch without commits."""
    places = {(item.repo, item.branch) for item in spec.inputs() if item.commit is None}
    read = Choosing(conn, parts.repos).heads(places)
    return [item.commit or read.get((item.repo, item.branch)) for item in spec.inputs()]


def _would_be_stored(spec: PipelineSpec, bundle: CodeBundle | None, writer: Writer) -> StoredCode | None:
    if spec.transform is None:
        return None
    tree = None if bundle is None else code.write(writer, bundle)
    environment = code.environment(spec.transform, () if bundle is None else bundle.imports)
    root = None if tree is None else tree.root
    fingerprint = code.fingerprint(b"" if root is None else root.hash, spec.transform, environment)
    return StoredCode(root, fingerprint, environment)


def _no_job(pipeline: store.PipelineRow) -> store.JobRow:
    """Returns a job that there is not, behind all there are."""
    return store.JobRow(
        id="",
        number=sys.maxsize,
        pipeline_id=pipeline.id,
        version=pipeline.version,
        set_id="",
        commit_id=None,
        state="queued",
        cause="request",
        run=0,
        kept=0,
        dropped=0,
        failed=0,
        created_ms=0,
        repo=pipeline.output_repo,
        branch=pipeline.output_branch,
        started_ms=None,
        finished_ms=None,
        covered_by=None,
        note=None,
        error=None,
        memory=b"{}",
    )
