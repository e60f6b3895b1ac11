"""Reads what a job is: its kind, its commits, and the earlier job that its plan starts from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
from blake3 import blake3
from sqlalchemy import Connection

from headwater.ids import JobId, SetId
from headwater.pipelines import store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.engine.outcome import Base
from headwater.pipelines.engine.parts import Readable
from headwater.pipelines.errors import SpecTooNew
from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Datum, JobView, Kind, PlanBase, StoredCode
from headwater.repos import Commit, View
from headwater.storage import Pointer, Storage

_ATTEMPTED = ("succeeded", "failed")
_CONTEXT = "headwater 2026 job recipe v1"
_AT_ONCE = 50


@dataclass(frozen=True)
class Loaded:
    """A job with all that it reads; `reads` are its inputs by their places in the spec.

    `output` is the commit that it makes; none for one that is only thought of.
    """

    kind: Kind
    pipeline: store.PipelineRow
    job: store.JobRow
    view: JobView
    reads: Sequence[store.JobInput]
    output: Commit | None

    def keys(self, datum: Datum) -> tuple[bytes, bytes]:
        """Returns a datum's key, and the one that its result is remembered under."""
        with_code = self.view.spec.reprocess == "on_code_change"
        return datum_key(datum), memo_key(datum, self.pipeline.salt, with_code=with_code)


@dataclass(frozen=True)
class Start:
    """What a plan starts from: trees of an earlier job, and its inputs where their difference says everything.

    `recipe` must be equal for that; `commit` is none where there is no such job.
    `replaced` is the commit of an earlier job that this one starts from nothing in spite of.
    """

    base: Base
    plan: PlanBase | None
    commit: Commit | None
    recipe: str | None
    replaced: Commit | None = None


def load(parts: Readable, kinds: Mapping[str, Kind], job: store.JobRow) -> Loaded:
    """Returns the job as its kind sees it.

    Raises:
        SpecTooNew: This worker does not know the kind, or a part of the spec.
    """
    repos = parts.repos
    with parts.catalog.read() as conn:
        pipeline = store.pipeline_by_id(conn, job.pipeline_id)
        assert pipeline is not None, "a job's pipeline is a foreign key"
        spec = store.spec_of(conn, job.pipeline_id, job.version)
        if spec.kind not in kinds:
            raise SpecTooNew(f"the kind {spec.kind!r}")
        kind = kinds[spec.kind]
        version = store.version_of(conn, job.pipeline_id, job.version)
        reads = store.inputs_of(conn, job.id)
        attempted = store.last_job_before(conn, job, _ATTEMPTED) if kind.looks_back else None
        before = [] if attempted is None else store.inputs_of(conn, attempted.id)
        # Where its own commit goes: the pipeline may write elsewhere by now.
        head = repos.head(conn, job.repo, job.branch)
        ids = [item.commit_id for item in (*reads, *before)] + [job.commit_id or "", head or ""]
        found = repos.commits_by_ids(conn, list(dict.fromkeys(filter(None, ids))))
    commits = [found[item.commit_id] for item in reads]
    leaves = tuple(repos.view(commit) for commit in commits)
    view = JobView(
        id=JobId(job.id),
        pipeline=pipeline.name,
        spec=spec,
        set_id=SetId(job.set_id),
        cause=job.cause,  # type: ignore[arg-type]  # the column holds what Cause allows
        inputs={item.name: commit for item, commit in zip(reads, commits, strict=True)},
        views={item.name: leaf for item, leaf in zip(reads, leaves, strict=True)},
        previous=None if head is None else found[head],
        memory=msgspec.json.decode(job.memory, type=dict),
        attempted={} if attempted is None else msgspec.json.decode(attempted.memory, type=dict),
        attempted_state=None if attempted is None else attempted.state,
        attempted_inputs={item.name: found[item.commit_id] for item in before},
        leaves=leaves,
        code=code_of(version),
        commit=job.commit_id or "",
    )
    return Loaded(kind, pipeline, job, view, reads, found[view.commit])


def find_start(parts: Readable, loaded: Loaded, *, forced: bool) -> Start:
    """Returns what the job's plan starts from.

    What somebody asked for as `forced` starts from nothing, so that it does
    without whatever may be wrong with what is there.
    """
    recipe = recipe_of(loaded)
    nothing = Start(base_of(parts.storage, None), None, None, recipe)
    wanted = None if forced else recipe  # with nothing to take over, what is replaced is the newest
    with parts.catalog.read() as conn:
        chosen = _chosen_base(parts, conn, loaded.job, wanted)
    if chosen is None:
        return nothing
    row, reads, found = chosen
    commit = found[row.commit_id]
    if loaded.job.forced:
        return replace(nothing, replaced=commit)
    base = base_of(parts.storage, commit)
    inputs = [found[item.commit_id] for item in reads]
    same = recipe is not None and recipe == row.recipe and not forced
    plan = None
    if same and all(one.purge is None and one.state == "finished" for one in inputs):
        views = [View(parts.storage, one) for one in inputs]
        plan = PlanBase(views, parts.storage.map_tree(commit.roots.index))
    return Start(base, plan, commit, recipe)


def _chosen_base(
    parts: Readable, conn: Connection, job: store.JobRow, recipe: str | None
) -> tuple[rows.BaseRow, Sequence[store.JobInput], Mapping[str, Commit]] | None:
    """Returns the earlier job to start from, what it read, and the commits of both; none where there is none."""
    row = rows.base_before(conn, job, recipe)
    while row is not None:
        reads = [] if job.forced else store.inputs_of(conn, row.id)
        ids = [row.commit_id, *(item.commit_id for item in reads)]
        found = parts.repos.commits_by_ids(conn, list(dict.fromkeys(ids)))
        if found[row.commit_id].purge is None:
            return row, reads, found
        row = _kept_base(parts, conn, job, recipe)
    return None


def _kept_base(
    parts: Readable, conn: Connection, job: store.JobRow, recipe: str | None
) -> rows.BaseRow | None:
    """Returns the best earlier job of which the commit was not given up, for the best one's was."""
    others = rows.bases_before(conn, job, recipe)
    for at in range(0, len(others), _AT_ONCE):
        some = others[at : at + _AT_ONCE]
        found = parts.repos.commits_by_ids(conn, [one.commit_id for one in some])
        for one in some:
            if found[one.commit_id].purge is None:
                return one
    return None


def base_of(storage: Storage, commit: Commit | None) -> Base:
    """Returns the trees of a job's commit, failed ones too; empty ones for none."""
    roots = None if commit is None else commit.roots
    return Base(
        output=storage.tree(None if roots is None else roots.output),
        meta=storage.map_tree(None if roots is None else roots.meta),
        owner=storage.map_tree(None if roots is None else roots.owner),
        unfinished=storage.map_tree(None if roots is None else roots.unfinished),
    )


def recipe_of(loaded: Loaded) -> str | None:
    """Returns what must be equal for the inputs' difference to say all that may have changed; none for never."""
    own = loaded.kind.digest(loaded.view)
    if own is None:
        return None
    # Of what it reads, names alone: another commit is what the difference tells.
    read = [[item.leaf, item.name, item.repo, item.branch] for item in loaded.reads]
    told = [own, loaded.pipeline.salt, loaded.view.spec.reprocess, read]
    return blake3(msgspec.json.encode(told), derive_key_context=_CONTEXT).hexdigest()


def code_of(version: store.VersionRow) -> StoredCode | None:
    """Returns the stored code of a version."""
    if version.code is None:
        return None
    root = None if version.code_root is None else Pointer.decode(version.code_root)
    environment = {} if version.environment is None else json.loads(version.environment)
    return StoredCode(root, version.code, environment)
