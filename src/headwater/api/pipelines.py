"""The documents about pipelines, their jobs and their datums; part of `documents`, and imported from there."""

from typing import Any, Literal

import msgspec

from headwater.api.html import fields_html, table_html

JobState = Literal[
    "queued", "starting", "running", "finishing", "succeeded", "failed", "cancelled", "skipped", "blocked"
]
PipelineState = Literal["running", "paused"]
PlanReason = Literal["new", "input-changed", "code-changed", "failed-before", "forced", "kept", "dropped"]
DatumState = Literal["succeeded", "failed", "recovered"]


class DatumCounts(msgspec.Struct, frozen=True):
    """What a job did with its datums; `recovered` ones failed and were passed over by the spec's recovery."""

    run: int = 0
    kept: int = 0
    dropped: int = 0
    failed: int = 0
    recovered: int = 0

    def __str__(self) -> str:
        """Writes the counts for a person: what ran and what was kept, and the others where there are any."""
        more = [
            f"{getattr(self, name)} {name}"
            for name in ("dropped", "recovered", "failed")
            if getattr(self, name)
        ]
        return ", ".join([f"{self.run} run", f"{self.kept} kept", *more])


class JobInfo(msgspec.Struct, frozen=True):
    """One run of a pipeline, or of a training request, for one commit set.

    `inputs` are the commits that it reads, as refs; `total` is how many datums
    there are in all, once that is known. `stats` sums up what its datums took.
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

    def _repr_html_(self) -> str:
        told: dict[str, object] = {"id": self.id, "datums": str(self.datums), "reads": self.inputs}
        told |= {"started": self.started, "finished": self.finished, "error": self.error, "note": self.note}
        return fields_html(f"{self.pipeline}: {self.state}", told)


class SetInfo(msgspec.Struct, frozen=True):
    """All that one commit set caused: its jobs, and what they did with their datums together."""

    id: str
    state: JobState
    datums: DatumCounts
    jobs: list[JobInfo]

    def _repr_html_(self) -> str:
        rows = ((job.pipeline, job.state, str(job.datums), job.note or job.error or "") for job in self.jobs)
        table = table_html(("pipeline", "state", "datums", "note"), rows)
        return fields_html(f"Commit set {self.id[:12]}: {self.state}", {"datums": str(self.datums)}, table)


class ProcessInfo(msgspec.Struct, frozen=True):
    """The process of a spout or service: how it is, since when, and what went wrong last.

    A service answers at `url` on the machine `host`, with the files of
    `commits`. `last` is the name of what a spout handed over last.
    """

    state: Literal["waiting", "starting", "running", "unhealthy", "restarting", "stopped"]
    host: str
    url: str | None
    commits: list[str]
    last: str
    error: str | None
    restarts: int
    since: str


class PipelineInfo(msgspec.Struct, frozen=True):
    """A pipeline at its current version; `spec` is the whole of what runs, `code` the fingerprint of what it runs."""

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

    def _repr_html_(self) -> str:
        told: dict[str, object] = {"about": self.description, "reads": self.inputs, "writes": self.output}
        told |= {"version": self.version, "code": self.code}
        told["last job"] = self.last_job and f"{self.last_job[:12]} {self.last_state}"
        return fields_html(f"Pipeline {self.name}: {self.state}", told)


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


class DatumInfo(msgspec.Struct, frozen=True):
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
    """A line that a datum's code printed."""

    datum: str
    label: str
    job: str
    line: str
