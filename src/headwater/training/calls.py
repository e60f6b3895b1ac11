"""The two pure calls of a training job: fit one target, and assemble the version.

Both see folders and nothing else: `inputs/data/` holds the data file under
its path, `inputs/parts/` (for `assemble`) the outputs of all fits, and what
they write below `out` is their result. The same parameters and inputs give
the same bytes, so a result may be remembered, and a lost call repeated.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import msgspec

from headwater.models import Layout
from headwater.training.algorithms import algorithm_named
from headwater.training.dataset import Dataset, open_dataset
from headwater.training.provenance import ArtifactProvenance, DataSource, library_versions
from headwater.training.request import TrainingRequest


class FitParams(msgspec.Struct, frozen=True, kw_only=True):
    """What one fit is told beside its inputs.

    `path` is the data file's path below `inputs/data`; `threads` is for the
    algorithm, where the request does not say.
    """

    request: TrainingRequest
    target: str
    path: str
    threads: int = 1


class AssembleParams(msgspec.Struct, frozen=True, kw_only=True):
    """What assembling is told beside its inputs; `request_id` and `code` are written into the provenance."""

    request: TrainingRequest
    version: int
    data: DataSource
    request_id: str
    code: str


class FitStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a fit did: `seconds` by step, with `fit` and `calibration` those inside the algorithm's own calls."""

    target: str
    task: str
    rows: int
    scores: dict[str, float]
    seconds: dict[str, float]


class AssembleStats(msgspec.Struct, frozen=True, kw_only=True):
    """What assembling did: the artifact's digest, and `seconds` by step."""

    digest: str
    scores: dict[str, dict[str, float]]
    seconds: dict[str, float]


def fit(params: bytes, inputs: Path, out: Path) -> bytes:
    """Fits one target and writes its files below `out/targets`.

    Args:
        params: `FitParams` as msgpack.
        inputs: Holds `data/<path>`.
        out: An empty folder.

    Returns:
        `FitStats` as msgpack.
    """
    task = msgspec.msgpack.decode(params, type=FitParams)
    watch = _Watch()
    with watch.step("imports"):
        warm_up(task.request.algorithm.name)
        from headwater.training.fitting import fit_target
        from headwater.training.target_files import write_target
    with watch.step("read"):
        dataset = open_dataset(task.request, _file(inputs, task.path), name=task.path, only=(task.target,))
    target = dataset.target(task.target)
    with watch.step("learn"):
        fitted = fit_target(dataset, target, threads=task.threads, now=time.perf_counter)
    with watch.step("write"):
        write_target(dataset, target, fitted, out)
    inside = fitted.seconds.fit + fitted.seconds.calibration
    watch.seconds["around fits"] = watch.seconds.pop("learn") - inside
    watch.seconds |= {"fit": fitted.seconds.fit, "calibration": fitted.seconds.calibration}
    return msgspec.msgpack.encode(
        FitStats(
            target=target.name,
            task=target.task,
            rows=len(dataset.rows),
            scores=fitted.rows.scores,
            seconds=watch.seconds,
        )
    )


def assemble(params: bytes, inputs: Path, out: Path) -> bytes:
    """Writes every file of the artifact but those of the fits and the signature.

    Args:
        params: `AssembleParams` as msgpack.
        inputs: Holds `data/<path>` and `parts/targets/…`, the fits' outputs.
        out: An empty folder.

    Returns:
        `AssembleStats` as msgpack.
    """
    task = msgspec.msgpack.decode(params, type=AssembleParams)
    watch = _Watch()
    with watch.step("imports"):
        from headwater.training.artifact_files import read_targets, write_documents, write_manifest
        from headwater.training.report import render
        from headwater.training.report_content import data_pictures, report_page
    with watch.step("read"):
        source = _file(inputs, task.data.path)
        dataset = open_dataset(task.request, source, name=task.data.path)
        tested = read_targets(dataset, inputs / "parts")
        provenance = _provenance(task, dataset)
    with watch.step("documents"):
        write_documents(dataset, tested, provenance, out)
    with watch.step("plots"):
        pictures = data_pictures(dataset)
        (out / Layout.PLOTS).mkdir()
        for name, data in pictures.items():
            (out / Layout.PLOTS / f"{name}.svg").write_bytes(data)
    with watch.step("report"):
        page = report_page(dataset, tested, pictures, version=task.version, provenance=provenance)
        (out / Layout.REPORT).write_bytes(render(page))
    with watch.step("manifest"):
        digest = write_manifest(task.request.model, task.version, tested, inputs / "parts", out)
    scores = {one.target.name: one.rows.scores for one in tested}
    return msgspec.msgpack.encode(AssembleStats(digest=digest, scores=scores, seconds=watch.seconds))


def warm_up(algorithm: str = "xgboost") -> None:
    """Imports the libraries that the calls use, so that a waiting worker has them when its first call comes."""
    for name in ("pyarrow.csv", "pyarrow.parquet", "matplotlib.figure", "matplotlib.backends.backend_svg"):
        import_module(name)
    algorithm_named(algorithm).load()


class _Watch:
    """Keeps how long each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started


def _file(inputs: Path, path: str) -> Path:
    return inputs / "data" / path


def _provenance(task: AssembleParams, dataset: Dataset) -> ArtifactProvenance:
    return ArtifactProvenance(
        data=task.data,
        rows=dataset.file_rows,
        request=task.request_id,
        code=task.code,
        libraries=library_versions(),
    )
