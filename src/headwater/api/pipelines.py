"""The documents about pipelines, their jobs and their datums; part of `documents`, and imported from there."""

from typing import Any, ClassVar, Literal

import msgspec

from headwater.api.html import ShownFields, fields_html, table_html

JobState = Literal[
    "queued", "starting", "running", "finishing", "succeeded", "failed", "cancelled", "skipped", "blocked"
]
_UNDER_WAY: tuple[JobState, ...] = ("queued", "starting", "running", "finishing")
PipelineState = Literal["running", "paused", "deleted"]
PlanReason = Literal["new", "input-changed", "code-changed", "failed-before", "forced", "kept", "dropped"]
DatumState = Literal["succeeded", "failed", "recovered", "running"]


class DatumCounts(msgspec.Struct, frozen=True):
    """What a job did with its datums; `recovered` ones failed and were passed over by the spec's recovery."""

    run: int = 0
    kept: int = 0
    dropped: int = 0
    failed: int = 0
    recovered: int = 0

    def __str__(self) -> str:
        """Writes the counts for a person: what ran and what was kept, and the others where there are any."""
        return self.of(None)

    def of(self, to_run: int | None) -> str:
        """Writes the counts of what is under way: of how many that run, where that is known."""
        known = "" if to_run is None else f" of {to_run}"
        more = [
            f"{getattr(self, name)} {name}"
            for name in ("dropped", "recovered", "failed")
            if getattr(self, name)
        ]
        return ", ".join([f"{self.run}{known} run", f"{self.kept} kept", *more])


class JobInfo(msgspec.Struct, frozen=True):
    """One run of a pipeline, or of a training request, for one commit set.

    `inputs` are the commits that it reads, as refs, `output` is the branch that
    gets its commit; `total` is how many datums there are in all, once that is
    known: in a job that lasts, after a second or so. `datums` says then what is
    kept and dropped too, and the rest of `total` runs. `stats` sums up what its
    datums took. `held_by` are the paused pipelines for which it waits.
    """

    id: str
    pipeline: str
    commit: str | None
    state: JobState
    datums: DatumCounts
    created: str
    started: str | None
    finished: str | None
    error: str | None
    note: str | None = None
    set: str = ""
    version: int = 0
    cause: str = ""
    total: int | None = None
    inputs: list[str] = []
    stats: dict[str, Any] = {}
    output: str = ""
    held_by: list[str] = []
    shown_in_lists: ClassVar = ("id", "pipeline", "state", "progress", "created", "note", "error")

    @property
    def to_run(self) -> int | None:
        """How many datums run in all, whether they have or not; none while that is not known."""
        ran = self.datums.run + self.datums.recovered + self.datums.failed
        if self.state not in _UNDER_WAY:
            return ran
        return None if self.total is None else max(ran, self.total - self.datums.kept)

    @property
    def progress(self) -> str:
        """How far it is, or what it did with its datums: `37 of 503 run, 997 kept`."""
        return self.datums.of(self.to_run if self.state in _UNDER_WAY else None)

    def _repr_html_(self) -> str:
        told: dict[str, object] = {"id": self.id, "datums": self.progress, "in all": self.total}
        told |= {"reads": self.inputs, "writes": self.output}
        told |= {"started": self.started, "finished": self.finished, "error": self.error, "note": self.note}
        return fields_html(f"{self.pipeline}: {self.state}", told)


class SetInfo(msgspec.Struct, frozen=True):
    """All that one commit set caused: its jobs, and what they did with their datums together.

    `held_by` are the paused pipelines for which the jobs wait, or which, when
    all have ended, would have had one too.
    """

    id: str
    state: JobState
    datums: DatumCounts
    jobs: list[JobInfo]
    held_by: list[str] = []

    @property
    def to_run(self) -> int | None:
        """How many datums run in all jobs together; none while that is not known of each."""
        known = [job.to_run for job in self.jobs]
        return None if None in known else sum(one or 0 for one in known)

    @property
    def progress(self) -> str:
        """How far its jobs are together, or what they did."""
        return self.datums.of(self.to_run if self.state in _UNDER_WAY else None)

    def _repr_html_(self) -> str:
        rows = ((job.pipeline, job.state, job.progress, job.note or job.error or "") for job in self.jobs)
        table = table_html(("pipeline", "state", "datums", "note"), rows)
        return fields_html(f"Commit set {self.id[:12]}: {self.state}", {"datums": self.progress}, table)


class ProcessInfo(msgspec.Struct, frozen=True):
    """The process of a spout or service: how it is, since when, and what went wrong last.

    A service answers at `url` on the machine `host`, with the files of
    `commits`. `last` is the name of what a spout handed over last. While it is
    queued it has no process: no worker took it yet, or the one that had it is
    gone.
    """

    state: Literal["queued", "waiting", "starting", "running", "unhealthy", "restarting", "stopped"]
    host: str
    url: str | None
    commits: list[str]
    last: str
    error: str | None
    restarts: int
    since: str

    def __str__(self) -> str:
        """Says how it is, where, since when and after how many attempts."""
        again = f", started again {self.restarts} times" if self.restarts else ""
        where = f" on {self.host}" if self.host else ""
        since = f" since {self.since}" if self.since else ""
        return (
            f"queued for a worker{since}" if self.state == "queued" else f"{self.state}{where}{since}{again}"
        )


class RemovalInfo(msgspec.Struct, frozen=True):
    """What went with a pipeline that was deleted: its jobs, of which some had not ended, and repos.

    `kept` is the repo of its results where that stays, else repos of its ticks that others read; `because` says why.
    """

    jobs: int
    cancelled: int
    repos: list[str]
    kept: str | None = None
    because: str = ""


class PipelineInfo(msgspec.Struct, frozen=True):
    """A pipeline at its current version; `spec` is the whole of what runs, `code` the fingerprint of what it runs.

    `removal` is there in the answer to deleting it.
    """

    name: str
    kind: str
    version: int
    state: PipelineState
    inputs: list[str]
    output: str
    created: str
    description: str = ""
    code: str | None = None
    environment: dict[str, str] = {}
    spec: dict[str, Any] = {}
    last_job: str | None = None
    last_state: JobState | None = None
    process: ProcessInfo | None = None
    removal: RemovalInfo | None = None
    shown_in_lists: ClassVar = ("name", "kind", "version", "state", "output", "last_state", "description")

    @property
    def standing(self) -> str:
        """Its state in a word: that of its process where it runs for ever and is not paused."""
        return self.state if self.process is None or self.state != "running" else self.process.state

    def _repr_html_(self) -> str:
        told: dict[str, object] = {"about": self.description, "reads": self.inputs, "writes": self.output}
        told |= {"version": self.version, "code": self.code}
        told["last job"] = self.last_job and f"{self.last_job[:12]} {self.last_state}"
        if self.process is not None:
            told |= {
                "process": str(self.process),
                "answers at": self.process.url,
                "error": self.process.error,
            }
        return fields_html(f"Pipeline {self.name}: {self.standing}", told)


class PlanRow(msgspec.Struct, frozen=True):
    """What would happen to one datum, and why; `inputs` are the files and folders that its code sees."""

    datum: str
    reason: PlanReason
    inputs: list[str]


class PlanInfo(msgspec.Struct, frozen=True):
    """What a job would do if it started now: how many datums for each reason, and how many there are in all."""

    pipeline: str
    counts: dict[PlanReason, int]
    total: int
    runs: int
    note: str = ""

    def _repr_html_(self) -> str:
        table = table_html(("why", "datums"), self.counts.items())
        title = f"{self.pipeline}: {self.runs} of {self.total} datums would run"
        return fields_html(title, {"note": self.note}, table)


class DatumInfo(ShownFields, msgspec.Struct, frozen=True):
    """One datum of a job or of a pipeline's output: what it saw, what came of it, what it took."""

    datum: str
    label: str
    state: DatumState
    job: str
    code: str
    files: int
    size: int
    inputs: list[str] = []
    stats: dict[str, Any] = {}
    error: str | None = None


class LogInfo(msgspec.Struct, frozen=True):
    """A line that a datum's code printed; `running` where the datum has no result yet, and may be tried again."""

    datum: str
    label: str
    job: str
    line: str
    running: bool = False
