"""What training brings to the pipeline engine: the kind `train`.

One datum per target and one that assembles the artifact from all of them, so
a killed worker loses one fit, and a request whose gates alone changed fits
nothing. The number of the version is taken from the catalog just before the
artifact is assembled, because the report and the manifest say it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.errors import Conflict, Corrupt, InvalidInput, NotFound
from headwater.execution import Queue, Task
from headwater.ids import CommitId
from headwater.models import Layout, Registry, Signer, sign_manifest
from headwater.pipelines import Datum, DatumInput, Due, JobView, Listed
from headwater.repos import Commit, View
from headwater.settings import cores
from headwater.storage import Storage
from headwater.training.calls import AssembleParams, FitParams
from headwater.training.dataset import Dataset, open_dataset
from headwater.training.fingerprint import code_fingerprint
from headwater.training.promoting import PROMOTE, PromoteTask, promote_key
from headwater.training.provenance import DataSource
from headwater.training.request import TrainingRequest, target_part
from headwater.training.row_changes import count_changes, kept_rows

KIND = "train"
DATA = "data"
FIT, ASSEMBLE = "train.fit", "train.assemble"
# What the processes of a pool run under these names.
CALLS = {FIT: "headwater.training.pool:fit", ASSEMBLE: "headwater.training.pool:assemble"}


class TrainKind(Listed):
    """The kind `train` of one workspace."""

    name = KIND

    def __init__(self, storage: Storage, registry: Registry, signer: Signer, queue: Queue) -> None:
        """Keeps what versions are made with."""
        self._storage, self._registry, self._signer, self._queue = storage, registry, signer, queue

    def due(self, job: JobView) -> Due:
        """Runs what was asked for by hand, and what enough new rows, or a failure before, call for.

        Rows are compared with those of the last version that was attempted,
        so that many small commits add up; a row that was edited counts as one.
        """
        request = request_of(job)
        source = _source(job, request)
        memory = {"hash": source.hash}
        if job.cause == "request" or job.attempted_state != "succeeded" or request.retrain is None:
            return Due(run=True, memory=memory)
        version = job.attempted.get("version")
        if source.hash == job.attempted.get("hash"):
            return Due(run=False, note=f"{request.source.path} is what version {version} was made of.")
        needed = request.retrain.rows
        before = self._rows_before(job, request)
        changed = needed if before is None else count_changes(before, _rows(job.views[DATA], request))
        if changed < needed:
            what = "row is new or changed" if changed == 1 else "rows are new or changed"
            return Due(run=False, note=f"{changed} {what} since version {version}; {needed} are needed.")
        return Due(run=True, memory=memory)

    def datums(self, job: JobView) -> Iterable[Datum]:
        """Returns a datum per target."""
        request = request_of(job)
        dataset = _dataset(job, request)
        data = self._data(job, request)
        code = code_fingerprint()
        threads = max(1, cores() // len(dataset.targets))
        for target in dataset.targets:
            params = FitParams(request=request, target=target.name, path=data.path, threads=threads)
            yield Datum(
                label=target.name,
                inputs=(data,),
                call=FIT,
                params=msgspec.msgpack.encode(params),
                identity=target_part(request, target.name),
                code=code,
                part=f"target {target.name}",
            )

    def claimed(self, conn: Connection, job: JobView) -> Mapping[str, Any]:
        """Takes the version's number, once per job."""
        if "version" in job.memory:
            return {}
        return {"version": self._registry.next_number(conn, request_of(job).model)}

    def closing(self, job: JobView) -> Datum | None:
        """Returns the datum that assembles the artifact."""
        request = request_of(job)
        data = self._data(job, request)
        params = AssembleParams(
            request=request,
            version=int(job.memory.get("version", 0)),
            data=_source(job, request),
            request_id=job.id,
            code=code_fingerprint(),
        )
        return Datum(
            label="artifact",
            inputs=(data,),
            call=ASSEMBLE,
            params=msgspec.msgpack.encode(params),
            identity=request.canonical(),
            code=code_fingerprint(),
            part="artifact",
        )

    def seal(self, written: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Returns the signature over the manifest, which names every other file."""
        return {Layout.SIGNATURE: sign_manifest(written[Layout.MANIFEST], self._signer)}

    def provenance(self, job: JobView) -> list[Provenance]:
        """Names the code and the request."""
        return [
            Provenance(kind="code", repo="", id=code_fingerprint(), role="training"),
            Provenance(kind="request", repo="", id=job.id, role="request"),
        ]

    def message(self, job: JobView) -> str:
        """Names the version and its data."""
        return f"{_version_ref(job)} from {_source(job, request_of(job)).ref}"

    def unchanged(self, job: JobView) -> str:
        """Says which version is there already."""
        number = self._registry.number_of(job.previous.id) if job.previous is not None else None
        return f"Nothing has changed since {request_of(job).model}@{number}."

    def finished(self, conn: Connection, job: JobView, commit: CommitId) -> str:
        """Registers the version, and asks for its promotions where the request wants them."""
        request = request_of(job)
        number = int(job.memory["version"])
        self._registry.register(conn, request.model, number, commit)
        if request.promote:
            task = PromoteTask(model=request.model, version=number, environments=request.promote)
            payload = msgspec.msgpack.encode(task)
            self._queue.enqueue(conn, Task(PROMOTE, payload), key=promote_key(request.model, number))
        return _version_ref(job)

    def _rows_before(self, job: JobView, request: TrainingRequest) -> Any:
        """Returns the rows that the last attempt was made of; none where they cannot be told any more."""
        try:
            return _rows(View(self._storage, job.attempted_inputs[DATA]), request)
        except (NotFound, Corrupt, Conflict, InvalidInput):
            return None  # it was another file, or its commit was purged: all rows count as other ones

    def _data(self, job: JobView, request: TrainingRequest) -> DatumInput:
        entry = job.views[DATA].entry(request.source.path)
        commit = job.inputs[DATA]
        return DatumInput(
            input=DATA,
            repo=commit.repo,
            branch=job.spec.inputs()[0].branch,
            path=entry.path,
            hash=entry.hash,
            file=self._storage.portable(entry),
            reference=job.spec.inputs()[0].reference,
        )


def request_of(job: JobView) -> TrainingRequest:
    """Returns the training request that a job's spec carries."""
    return msgspec.convert(job.spec.parameters, TrainingRequest)


def check_against_data(request: TrainingRequest, view: View) -> None:
    """Makes sure that the request can be carried out over the data as it is.

    Raises:
        InvalidData, InvalidRequest, TargetUnusable, TooFewRows: It cannot.
        PathNotFound: The commit has no such file.
    """
    open_dataset(request, view.read(request.source.path), name=request.source.path)


def _dataset(job: JobView, request: TrainingRequest) -> Dataset:
    return open_dataset(request, job.views[DATA].read(request.source.path), name=request.source.path)


def _rows(view: View, request: TrainingRequest) -> Any:
    return kept_rows(request, view.read(request.source.path), name=request.source.path)


def _source(job: JobView, request: TrainingRequest) -> DataSource:
    entry = job.views[DATA].entry(request.source.path)
    commit: Commit = job.inputs[DATA]
    return DataSource(
        repo=commit.repo,
        commit=commit.id,
        path=entry.path,
        hash=entry.hash.hex(),
        branch=job.spec.inputs()[0].branch,
    )


def _version_ref(job: JobView) -> str:
    return f"{request_of(job).model}@{job.memory['version']}"
