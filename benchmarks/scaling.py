"""What one one-file commit costs at growing sizes, counted, and what that means for sizes nobody can measure.

Counted are nodes read and written, bytes of the new segment, catalog rows and
requests to the object store. A tree of n files has about log₆₄ n levels, so
every count is fitted as a + b · log₂ n by least squares over the sizes that
were measured; docs/scaling.md shows what follows for 10⁹ files.
"""

import math
import random
import statistics
import tempfile
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from benchmarks.figures import Figure, Report, figure, tell
from benchmarks.filled import change_one, fill
from benchmarks.slow_store import SlowStore
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import ObjectStore, Storage, open_store

_FILES, _COMMITS_A_DAY, _WRITERS = 10**9, 10**4, 100
_SEED = 27
_WHAT = ("nodes_read", "nodes_read_warm", "bytes", "rows", "requests", "requests_warm")


class Cost(msgspec.Struct, frozen=True):
    """What one commit cost."""

    nodes_read: float
    nodes_read_warm: float
    bytes: float
    rows: float
    requests: float
    requests_warm: float


class Line(msgspec.Struct, frozen=True):
    """cost = fixed + per_doubling · log₂ files."""

    fixed: float
    per_doubling: float

    def at(self, files: int) -> float:
        """Returns the cost at a size."""
        return self.fixed + self.per_doubling * math.log2(files)


def measure(*, files: Sequence[int] = (1_000, 10_000, 100_000, 1_000_000), runs: int = 50) -> Report:
    """Counts, fits and extrapolates."""
    counted = {count: _count(count, runs) for count in files}
    figures: dict[str, Figure] = {}
    lines: dict[str, Line] = {}
    for what in _WHAT:
        for count, costs in counted.items():
            figures[f"{what}_{count}"] = figure([getattr(one, what) for one in costs], what.split("_")[0])
        means = [statistics.mean(getattr(one, what) for one in costs) for costs in counted.values()]
        lines[what] = fitted(list(counted), means)
    return Report(
        figures=figures,
        facts={
            "formula": "cost(n) = fixed + per_doubling · log2(n)",
            "fitted": {what: msgspec.to_builtins(line) for what, line in lines.items()},
            "extrapolated": extrapolated(lines, _FILES, _COMMITS_A_DAY, _WRITERS),
        },
    )


def fitted(files: Sequence[int], costs: Sequence[float]) -> Line:
    """Returns the line through the costs over log₂ of the sizes, by least squares."""
    slope, fixed = statistics.linear_regression([math.log2(one) for one in files], costs)
    return Line(fixed, max(slope, 0.0))


def extrapolated(lines: dict[str, Line], files: int, commits: int, writers: int) -> dict[str, Any]:
    """Returns what so many commits a day cost in a repo of so many files."""
    at = {what: line.at(files) for what, line in lines.items()}
    return {
        "files": files,
        "commits_a_day": commits,
        "writers": writers,
        "one_commit": {what: round(value, 1) for what, value in at.items()},
        "a_day": {
            "segment_bytes": round(at["bytes"] * commits),
            "rows": round(at["rows"] * commits),
            "requests_all_warm": round(at["requests_warm"] * commits),
            "requests_all_cold": round(at["requests"] * commits),
        },
        "commits_a_second": round(commits / 86_400, 3),
    }


def _count(files: int, runs: int) -> list[Cost]:
    tell(f"   {files} files")
    chance = random.Random(_SEED)
    with tempfile.TemporaryDirectory(prefix="headwater-scaling-") as place:
        catalog = Catalog.create(f"sqlite:///{place}/catalog.db")
        inner: ObjectStore = open_store(f"file:{place}/objects")
        fill(Repos(catalog, Storage(catalog, inner), clock=SystemClock()).create("r"), files, chance)
        return [_one(catalog, inner, files, chance) for _ in range(runs)]


def _one(catalog: Catalog, inner: ObjectStore, files: int, chance: random.Random) -> Cost:
    slow = SlowStore(inner, 0)
    storage = Storage(catalog, slow)
    repo = Repos(catalog, storage, clock=SystemClock()).get("r")
    found: list[tuple[int, int]] = []
    sizes: list[tuple[int, int]] = []
    for _ in range(2):
        decoded, traffic, before = storage.nodes.decoded, slow.traffic, _stored(catalog)
        change_one(repo, files, chance)
        after = _stored(catalog)
        found.append((storage.nodes.decoded - decoded, (slow.traffic - traffic).requests))
        sizes.append((after[0] - before[0], after[1] - before[1]))
    return Cost(
        nodes_read=found[0][0],
        nodes_read_warm=found[1][0],
        bytes=statistics.mean(one[0] for one in sizes),
        rows=statistics.mean(one[1] for one in sizes),
        requests=found[0][1],
        requests_warm=found[1][1],
    )


def _stored(catalog: Catalog) -> tuple[int, int]:
    """Returns the bytes of all segments, and the rows of all tables that grow with commits."""
    with catalog.read() as conn:
        size = conn.execute(sa.text("SELECT coalesce(sum(length), 0) FROM segments")).scalar_one()
        names = sa.inspect(conn).get_table_names()
        rows = sum(conn.execute(sa.text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names)  # noqa: S608 - names of our own tables
    return int(size), int(rows)
