"""Commits at the same time, and a hook that reads the heads of several branches: what a job's inputs are."""

import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Commit, Repos
from headwater.storage import Storage, open_store
from tests.servers.postgres import fresh_catalog

SIDES = ("left", "right")
ROUNDS = 5


class Pairs:
    """Notes the heads of both repos with every commit, as a pipeline over both does with its jobs."""

    def __init__(self, *, locks_both: bool) -> None:
        self._locks_both = locks_both
        self._both_here = threading.Barrier(2)
        self.noted: list[tuple[str | None, ...]] = []

    def reads(self, conn: sa.Connection, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        return [(side, "main") for side in SIDES] if self._locks_both else places

    def committed(self, conn: sa.Connection, repos: Repos, commits: Sequence[Commit]) -> None:
        pair = tuple(repos.head(conn, side, "main") for side in SIDES)
        with suppress(threading.BrokenBarrierError):
            # until the other one has looked too; where both lock the same branches it cannot, so that is soon given up
            self._both_here.wait(0.1 if self._locks_both else 30)
        self.noted.append(pair)

    def again(self) -> None:
        self._both_here.reset()
        self.noted.clear()


def wrong_pairs(catalog: Catalog, folder: Path, hook: Pairs) -> int:
    """Commits to both repos at once, several times; returns how often no pair had both new heads."""
    storage = Storage(catalog, open_store(f"file:{folder}"), clock=SystemClock())
    repos = Repos(catalog, storage, clock=SystemClock(), hooks=(hook,))
    both = [repos.create(side) for side in SIDES]
    wrong = 0
    for number in range(ROUNDS):
        hook.again()

        def commit(side: int, number: int = number) -> None:
            with both[side].commit() as commit:
                commit.put("/n", str(number))

        threads = [threading.Thread(target=commit, args=(side,)) for side in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heads = tuple(repos.resolve(side).id for side in SIDES)
        wrong += heads not in hook.noted
    return wrong


def test_of_two_commits_at_once_one_is_paired_with_the_other(catalog_url: str, tmp_path: Path) -> None:
    catalog = fresh_catalog(catalog_url)

    assert wrong_pairs(catalog, tmp_path / "objects", Pairs(locks_both=True)) == 0
    catalog.close()


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_without_locking_what_is_read_both_commits_miss_each_other(catalog_url: str, tmp_path: Path) -> None:
    catalog = fresh_catalog(catalog_url)

    assert wrong_pairs(catalog, tmp_path / "objects", Pairs(locks_both=False)) == ROUNDS
    catalog.close()
