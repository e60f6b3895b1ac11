"""Data files, and a workbench that runs the pure calls of a training job in folders."""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.training import (
    AssembleParams,
    AssembleStats,
    DataSource,
    FitParams,
    FitStats,
    TrainingRequest,
    assemble,
    fit,
    open_dataset,
    read_request,
)

REFERENCE_PARAMS = {
    "max_depth": 6,
    "n_estimators": 1000,
    "learning_rate": 0.1,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "seed": 27,
}


@dataclass
class Made:
    """A version as a folder of files, before its signature, and what its calls told."""

    folder: Path
    request: TrainingRequest
    fits: dict[str, FitStats] = field(default_factory=dict)
    stats: AssembleStats | None = None

    def read(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()

    def json(self, path: str) -> Any:
        return msgspec.json.decode(self.read(path))

    @property
    def files(self) -> dict[str, bytes]:
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in sorted(paths)}

    def target_folder(self, target: str) -> str:
        found = {one["target"]: one["path"] for one in self.json("manifest.json")["targets"]}
        return str(found[target])


class Workbench:
    """Runs the calls as workers do: folders in, folders out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def make(self, data: bytes, request: Mapping[str, Any], *, path: str = "deep/d.csv") -> Made:
        self._count += 1
        place = self._folder / f"run-{self._count}"
        inputs, out = place / "inputs", place / "artifact"
        file = inputs / "data" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        parsed = read_request({"model": "m", "data": f"d@main:/{path}", "targets": "all"} | dict(request))
        made = Made(out, parsed)
        parts = inputs / "parts"
        for number, target in enumerate(open_dataset(parsed, file, name=path).targets):
            fitted = place / f"fit-{number}"
            made.fits[target.name] = self._fit(parsed, target.name, path, inputs, fitted)
            shutil.copytree(fitted, parts, dirs_exist_ok=True)
        shutil.copytree(parts, out)
        made.stats = self._assemble(parsed, path, inputs, place / "assembled")
        shutil.copytree(place / "assembled", out, dirs_exist_ok=True)
        return made

    def _fit(self, request: TrainingRequest, target: str, path: str, inputs: Path, out: Path) -> FitStats:
        out.mkdir()
        params = FitParams(request=request, target=target, path=path)
        return msgspec.msgpack.decode(fit(msgspec.msgpack.encode(params), inputs, out), type=FitStats)

    def _assemble(self, request: TrainingRequest, path: str, inputs: Path, out: Path) -> AssembleStats:
        out.mkdir()
        source = DataSource(repo="d", commit="0123456789abcdef" * 2, path=path, hash="ab" * 32)
        params = AssembleParams(request=request, version=7, data=source, request_id="r-1", code="c-1")
        return msgspec.msgpack.decode(
            assemble(msgspec.msgpack.encode(params), inputs, out), type=AssembleStats
        )


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def csv_of(**columns: list[Any]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    lines = [
        ",".join(columns),
        *(",".join("" if cell is None else str(cell) for cell in row) for row in rows),
    ]
    return "\n".join(lines).encode()


def wave(count: int, *, step: float = 1.0, shift: float = 0.0) -> list[float]:
    """Returns numbers that are neither sorted nor periodic in small."""
    return [round(10 * math.sin(step * place + shift) + (7 * place % 23) / 5, 4) for place in range(count)]


@pytest.fixture(scope="session")
def mixed() -> bytes:
    """Returns 120 rows: two numbers, one of which follows the other, whole numbers with gaps, texts, booleans."""
    x = wave(120)
    return csv_of(
        x=x,
        y=[round(2 * value + (place % 7) / 10, 4) for place, value in enumerate(x)],
        count=[None if place % 11 == 0 else place % 5 for place in range(120)],
        kind=["low" if value < 0 else "high" if value > 6 else "mid" for value in x],
        good=["true" if value > 3 else "false" for value in x],
    )
