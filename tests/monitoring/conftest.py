"""A catalog, repos and a log in a folder of their own for every test."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.ids import CommitId, PredictionId, UlidSource
from headwater.monitoring import PredictionLog
from headwater.repos import Repos
from headwater.serving import PredictionRecord
from headwater.storage import Storage, open_store

IDS = UlidSource()
NOON_MS = 1_795_262_400_000


class Place:
    """A workspace's folder with what a log needs; `reopened` is what another process would see."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.folder = folder
        self.catalog = catalog
        self.repos = Repos(
            catalog,
            Storage(catalog, open_store(f"file:{folder}/objects"), clock=SystemClock()),
            clock=SystemClock(),
        )

    @classmethod
    def create(cls, folder: Path) -> "Place":
        return cls(folder, Catalog.create(f"sqlite:///{folder}/catalog.db"))

    @classmethod
    def reopened(cls, folder: Path) -> "Place":
        return cls(folder, Catalog.open(f"sqlite:///{folder}/catalog.db"))

    def log(self, commit_every_s: float = 3600.0) -> PredictionLog:
        return PredictionLog(
            self.folder / "spool", self.repos, clock=SystemClock(), commit_every_s=commit_every_s
        )

    def committed(self, endpoint: str = "iris") -> Counter[str]:
        """Returns how often each id stands in the commits of an endpoint."""
        if not self.repos.exists(f"predictions/{endpoint}"):
            return Counter()
        view = self.repos.get(f"predictions/{endpoint}").at()
        return Counter(
            msgspec.json.decode(line, type=PredictionRecord).id
            for file in view.walk()
            for line in view.read(file.path).splitlines()
        )

    def spooled(self, endpoint: str = "iris") -> list[Path]:
        return sorted((self.folder / "spool" / endpoint).glob("*.jsonl"))


def record(
    endpoint: str = "iris", *, at_ms: int = NOON_MS, version: int = 1, prediction: str | None = None
) -> PredictionRecord:
    return PredictionRecord(
        id=PredictionId(prediction or IDS.next(at_ms)),
        endpoint=endpoint,
        model="iris",
        version=version,
        commit=CommitId(f"{version:032d}"),
        time="2026-11-21T12:00:00.000Z",
        input={"SepalLength": 5.1},
        answer={"value": 0.2, "lower": 0.1, "upper": 0.3, "confidence": 0.9},
    )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place.create(tmp_path)
    yield place
    place.catalog.close()


@pytest.fixture
def log(place: Place) -> Iterator[PredictionLog]:
    log = place.log()
    yield log
    log.close()
