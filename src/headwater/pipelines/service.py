"""Pipelines as the floors above use them: create, update, look, pause, run, delete.

Each verb is one transaction, which holds the pipeline, its stored code, its
clocks and the jobs that it starts; so it is done whole or not at all.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from blake3 import blake3
from sqlalchemy import Connection

from headwater.api.documents import JobInfo, PipelineInfo
from headwater.execution import Task
from headwater.ids import random_id
from headwater.pipelines import pipeline_store, store
from headwater.pipelines.by_hand import nothing_to_read, wanted
from headwater.pipelines.dag import LONG_RUNNING, Ticker, Triggers, Wish, crons_of, has_no_jobs
from headwater.pipelines.errors import (
    InvalidRun,
    InvalidSpec,
    PipelineInUse,
    PipelinePaused,
)
from headwater.pipelines.job_documents import job_document
from headwater.pipelines.making import PipelineMaking
from headwater.pipelines.pipeline_documents import documents
from headwater.pipelines.removal import end_unended, read_by_others, remove
from headwater.pipelines.spec import PipelineSpec
from headwater.pipelines.store import NewVersion, PipelineRow


class Pipelines(PipelineMaking):
    """The pipelines of a workspace."""

    @property
    def ticker(self) -> Ticker:
        """What a worker needs for clocks, branches that follow others, and wide sets."""
        return self._ticker

    @property
    def triggers(self) -> Triggers:
        """Branches that follow others."""
        return self._triggers

    # --- make ---

    def submit(self, spec: PipelineSpec, *, priority: int = 0) -> JobInfo:
        """Creates or updates a pipeline of a floor above, and starts a job at its inputs' present heads.

        Raises:
            InvalidSpec: An input has no commit to read yet.
        """
        with self._catalog.write() as conn:
            self._repos.ensure(conn, spec.output.repo, kind="output")
            version = NewVersion(blake3(spec.canonical()).hexdigest(), self._clock.now_ms())
            pipeline = store.find_pipeline(conn, spec.name)
            if pipeline is None:
                pipeline = store.add_pipeline(conn, spec, version.created_ms)
            if (
                pipeline.version == 0
                or store.version_of(conn, pipeline.id, pipeline.version).digest != version.digest
            ):
                pipeline = store.add_version(conn, pipeline, spec, version)
            job = self._start(conn, pipeline, Wish("request", priority))
            if job is None:
                names = ", ".join(f"{item.repo}@{item.branch}" for item in spec.inputs())
                raise InvalidSpec(
                    f"There is nothing to read yet at {names}.",
                    hint="Commit some data first: `headwater put …`.",
                )
            return job

    # --- look ---

    def get(self, name: str) -> PipelineInfo:
        """Returns a pipeline.

        Raises:
            PipelineNotFound: There is none of this name.
        """
        with self._catalog.read() as conn:
            self._row(conn, name)
            return self._info(conn, name)

    def list(self, *, limit: int | None = None) -> Iterator[PipelineInfo]:
        """Yields all pipelines by name, or the first ones of them."""
        with self._catalog.read() as conn:
            found = documents(conn, self._trigger.queue, pipeline_store.shown(conn, limit=limit))
        return iter(found)

    def kinds(self) -> Sequence[str]:
        """Returns the kinds of pipelines that there are."""
        with self._catalog.read() as conn:
            return pipeline_store.kinds(conn)

    # --- hold and let go ---

    def pause(self, name: str) -> PipelineInfo:
        """Lets a pipeline, and what lies below it, start no more jobs; one that runs goes on to its end.

        Raises:
            PipelineNotFound: There is none of this name.
        """
        with self._catalog.write() as conn:
            store.set_state(conn, self._row(conn, name).id, "paused")
            return self._info(conn, name)

    def resume(self, name: str) -> PipelineInfo:
        """Lets a paused pipeline go on; where its inputs have moved meanwhile, with one job at what they are at.

        Raises:
            PipelineNotFound: There is none of this name.
        """
        with self._catalog.write() as conn:
            pipeline = self._row(conn, name)
            if pipeline.state == "paused":
                store.set_state(conn, pipeline.id, "running")
                pipeline = self._row(conn, name)
                self._ticker.arm(conn, pipeline, store.spec_of(conn, pipeline.id, pipeline.version))
                if self._has_moved(conn, pipeline):
                    self._start(conn, pipeline, Wish("commit"))
                self._trigger.wake(conn, pipeline.id)
            return self._info(conn, name)

    # --- run by hand ---

    def rerun(self, name: str, *, reprocess: bool = False) -> JobInfo:
        """Starts a job at what the inputs are at now; it computes what failed before, or, with `reprocess`, everything.

        Raises:
            InvalidRun: An input has no commit yet, or the pipeline has no jobs.
            PipelineNotFound: There is none of this name.
            PipelinePaused: It is paused.
        """
        with self._catalog.write() as conn:
            pipeline = self._runnable(conn, name)
            return self._started(conn, pipeline, Wish("request", forced=reprocess))

    def run(self, name: str, *, at: Mapping[str, str] | None = None, branch: str | None = None) -> JobInfo:
        """Starts a job on other commits than the newest, whose result gets a branch of its own.

        What has been computed before, on whatever branch, is not computed again.

        Args:
            name: The pipeline.
            at: What inputs read, by their names: refs, of whatever repo.
            branch: The branch of the output repo that gets the result; a new one where absent.

        Raises:
            AmbiguousRef, CommitPurged, CommitUnfinished, InvalidRef, RefNotFound, RepoNotFound: A ref means no commit.
            BranchOwned: The branch is a pipeline's own.
            InvalidName: A branch cannot be called so.
            InvalidRun: There is no such input, or nothing to run on.
            PipelineNotFound: There is none of this name.
            PipelinePaused: It is paused.
        """
        chosen = {leaf: self._repos.resolve(ref).id for leaf, ref in self._wanted(name, at or {}).items()}
        with self._catalog.write() as conn:
            pipeline = self._runnable(conn, name)
            for commit in chosen.values():
                self._repos.view(self._repos.commit_by_id(commit, conn=conn))
            repo, own = pipeline.output_repo, branch or f"run-{random_id()[:8]}"
            self._repos.make_branch(conn, repo, own)
            wish = Wish("request", at=chosen, writes=(repo, own))
            return self._started(conn, pipeline, wish)

    def tick(self, name: str) -> JobInfo:
        """Lets the clocks of a pipeline's cron inputs tick now; returns the job that this starts.

        Raises:
            InvalidRun: The pipeline has no clock, or another input has no commit yet.
            PipelineNotFound: There is none of this name.
            PipelinePaused: It is paused.
        """
        with self._catalog.read() as conn:
            pipeline = self._runnable(conn, name)
            spec = store.spec_of(conn, pipeline.id, pipeline.version)
        if pipeline.kind in LONG_RUNNING:
            raise has_no_jobs(name, pipeline.kind)
        if not crons_of(spec):
            raise InvalidRun(
                f"The pipeline {name!r} has no cron input, so nothing of it ticks.",
                hint=f"`headwater pipeline rerun {name}` runs it now.",
            )
        set_id = self._ticker.tick(spec)
        with self._catalog.read() as conn:
            for row, of in store.jobs_of_set(conn, set_id):
                if of == name:
                    return job_document(row, of)
            raise nothing_to_read(conn, self._repos, pipeline, spec)

    # --- remove ---

    def delete(self, name: str, *, keep_repo: bool = False, force: bool = False) -> PipelineInfo:
        """Removes a pipeline and its jobs, and the repo of its results unless somebody else needs that.

        Jobs that have not ended are cancelled. Commits that stay keep saying what they were made of.

        Args:
            name: The pipeline.
            keep_repo: Leave the repo of its results as it is.
            force: Although other pipelines read it or its ticks, which then keep that repo, or commits elsewhere were made of its.

        Raises:
            InUse: Commits of other repos were made of its results.
            PipelineInUse: Another pipeline reads its results, or its ticks.
            PipelineNotFound: There is none of this name.
        """
        with self._catalog.write() as conn:
            pipeline = self._row(conn, name)
            told = self._info(conn, name)
            read = read_by_others(conn, pipeline, but_ticks=keep_repo)
            if read and not force:
                raise PipelineInUse(name, read)
            removal = remove(
                conn,
                self._repos,
                self._trigger,
                pipeline,
                now_ms=self._clock.now_ms(),
                read=read,
                why_kept="as was asked for" if keep_repo else "",
                force=force,
            )
            return msgspec.structs.replace(told, state="deleted", removal=removal)

    def abandon(self, conn: Connection, task: Task, error: str) -> None:
        """Ends the job in hand of a pipeline whose coordinators died too often, in the caller's transaction."""
        pipeline = store.pipeline_by_id(conn, int(task.payload))
        if pipeline is None:
            return
        hint = "The worker's log says how its processes ended; send the request again when that is mended."
        told = {
            "kind": "job-abandoned",
            "message": f"The job was given up: {error}",
            "hint": hint,
            "details": [],
        }
        end_unended(
            conn,
            self._repos,
            self._trigger,
            pipeline,
            now_ms=self._clock.now_ms(),
            states=store.TAKEN,
            error=msgspec.json.encode(told),
        )
        self._trigger.wake(conn, pipeline.id)

    # --- within ---

    def _started(self, conn: Connection, pipeline: PipelineRow, wish: Wish) -> JobInfo:
        job = self._start(conn, pipeline, wish)
        if job is None:
            spec = store.spec_of(conn, pipeline.id, pipeline.version)
            raise nothing_to_read(conn, self._repos, pipeline, spec)
        return job

    def _has_moved(self, conn: Connection, pipeline: PipelineRow) -> bool:
        """Tells whether a job now would be another one than the newest that there is."""
        newest = pipeline_store.newest_job(conn, pipeline)
        if newest is None or newest[1] != pipeline.version:
            return True
        read = {item.leaf: item.commit_id for item in store.inputs_of(conn, newest[0])}
        return self._trigger.would_read(conn, self._repos, pipeline) != read

    def _wanted(self, name: str, at: Mapping[str, str]) -> dict[int, str]:
        with self._catalog.read() as conn:
            pipeline = self._row(conn, name)
            spec = store.spec_of(conn, pipeline.id, pipeline.version)
        return wanted(self._repos, spec, at)

    def _runnable(self, conn: Connection, name: str) -> PipelineRow:
        pipeline = self._row(conn, name)
        if pipeline.state != "running":
            raise PipelinePaused(name)
        return pipeline
