"""How many requests a one-file commit makes to a store that is far away, and in how many rounds.

The store answers each request after 40 ms (`slow_store`). All of a repo lies
in objects: the packer has taken every row. Cold is a process that has seen nothing of
the repo; warm one that has committed to it before. Counted is what happens
before the catalog's transaction; nothing goes to the store after it.
"""

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure, Report, figure, tell
from benchmarks.filled import change_one, fill
from benchmarks.slow_store import LATENCY_S, SlowStore, Traffic
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repo, Repos
from headwater.storage import ObjectStore, Storage, open_store
from headwater.storage.backends.cache import CachedStore

_WARM_REQUESTS, _WARM_ROUNDS = 2, 1
_COLD_REQUESTS, _COLD_ROUNDS = 6, 5
_SEED = 27


def measure(
    *, files: Sequence[int] = (1_000, 1_000_000), latency_s: float = LATENCY_S, runs: int = 20
) -> Report:
    """Commits single files to repos of these sizes, in new processes and in one that goes on."""
    figures: dict[str, Figure] = {}
    for count in files:
        with tempfile.TemporaryDirectory(prefix="headwater-remote-") as place:
            bench = _Bench(Path(place), count, latency_s)
            cold = [bench.commit(bench.opened()) for _ in range(runs)]
            same = bench.opened()
            bench.commit(same)
            warm = [bench.commit(same) for _ in range(runs)]
        for name, counted, most in (
            ("cold", cold, (_COLD_REQUESTS, _COLD_ROUNDS)),
            ("warm", warm, (_WARM_REQUESTS, _WARM_ROUNDS)),
        ):
            key = f"{name}_{count}"
            requests, rounds = ([getattr(one[0], what) for one in counted] for what in ("requests", "rounds"))
            figures[f"{key}_requests"] = figure(requests, "requests", limit=most[0])
            figures[f"{key}_rounds"] = figure(rounds, "rounds", limit=most[1])
            figures[f"{key}_ms"] = figure([one[1] for one in counted], "ms")
    return Report(
        figures=figures,
        facts={"files": list(files), "latency_ms": latency_s * 1000},
        notes=["The store of these figures caches pages in memory, as remote stores do by default."],
    )


class _Bench:
    """A filled repo whose objects are far away."""

    def __init__(self, place: Path, files: int, latency_s: float) -> None:
        self._files, self._chance = files, random.Random(_SEED)
        self._catalog = Catalog.create(f"sqlite:///{place}/catalog.db")
        self._inner: ObjectStore = open_store(f"file:{place}/objects")
        self._slow = SlowStore(self._inner, latency_s)
        tell(f"   filling a repo with {files} files")
        self._near = Storage(self._catalog, self._inner, clock=SystemClock())
        fill(Repos(self._catalog, self._near, clock=SystemClock()).create("r"), files, self._chance)

    def opened(self) -> Repo:
        """Returns the repo as a process sees it that has just started, all of it in objects."""
        self._near.pack(everything=True)
        storage = Storage(self._catalog, CachedStore(self._slow), clock=SystemClock())
        return Repos(self._catalog, storage, clock=SystemClock()).get("r")

    def commit(self, repo: Repo) -> tuple[Traffic, float]:
        """Commits one file; returns what went to the store, and the milliseconds."""
        before, started = self._slow.traffic, time.perf_counter()
        change_one(repo, self._files, self._chance)
        return self._slow.traffic - before, (time.perf_counter() - started) * 1000
