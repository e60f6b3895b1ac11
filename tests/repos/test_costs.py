"""What a commit costs: rows, statements and fsyncs, however many files there are."""

import math
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
import sqlalchemy as sa

from headwater.clock import SystemClock
from headwater.db import Catalog, metadata
from headwater.repos import Repo, Repos
from headwater.storage import Storage, open_store


def fill(repo: Repo, files: int) -> None:
    with repo.commit() as commit:
        for number in range(files):
            commit.put(f"/data/{number:06d}.txt", str(number))


def put(repo: Repo, path: str, text: str) -> None:
    with repo.commit() as commit:
        commit.put(path, text)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Counts every statement that goes to a database meanwhile."""
    seen: list[str] = []

    def count(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


def rows(catalog: Catalog) -> dict[str, int]:
    with catalog.read() as conn:
        return {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
            if sa.inspect(conn).has_table(table.name)
        }


def test_a_one_file_commit_costs_the_same_rows_and_statements_at_any_size(
    catalog: Catalog, repos: Repos
) -> None:
    costs = []
    for files in (100, 10_000):
        repo = repos.create(f"files-{files}")
        fill(repo, files)
        put(repo, "/data/warm.txt", "up")
        before = rows(catalog)
        with statements() as seen:
            put(repo, "/data/000007x.txt", "new")
        after = rows(catalog)
        added = {name: after[name] - before[name] for name in after if after[name] != before[name]}
        writes = [text for text in seen if text.startswith(("INSERT", "UPDATE", "DELETE"))]
        costs.append((added, len(writes)))

    assert costs[0] == costs[1]
    new_rows, written = costs[0]
    assert sum(new_rows.values()) <= 6
    assert written <= 8


COMMIT = """
import os, sys
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
catalog = Catalog.open(sys.argv[1])
storage = Storage(catalog, open_store(sys.argv[2]), clock=SystemClock())
repo = Repos(catalog, storage, clock=SystemClock()).get("reviews")
for number in range(int(sys.argv[3])):
    with repo.commit() as commit:
        commit.put(f"/{number}", str(number))
    os.write(1, b"done")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt-get install strace")
def test_a_one_file_commit_is_one_fsync_in_the_median(
    catalog: Catalog, repos: Repos, url: str, tmp_path: Path
) -> None:
    put(repos.create("reviews"), "/first", "1")  # this process keeps the log open, so no end of it is counted
    log = tmp_path / "strace.log"
    tracer = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-s", "8", "-o", str(log)]

    subprocess.run(
        [*tracer, sys.executable, "-c", COMMIT, url, f"file:{tmp_path}/objects", "60"],
        check=True,
        stdout=subprocess.PIPE,
    )

    per_commit = [0]
    for line in log.read_text().splitlines():
        if re.search(r"(fsync|fdatasync)\(", line) and not line.endswith("<unfinished ...>"):
            per_commit[-1] += 1
        elif re.search(r"write\(1<", line):
            per_commit.append(0)
    assert len(per_commit) == 61
    assert statistics.median(per_commit[1:-1]) == 1


SIZES = [1_000, 10_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.large)]


def levels(files: int) -> int:
    """Returns how many levels a tree of so many files may be expected to have."""
    return math.ceil(math.log(files, 64)) + 1


class Seen:
    """What a process does that has just opened a repo: nodes decoded, objects and rows read, objects written."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog.open(f"sqlite:///{folder}/catalog.db")
        self.storage = Storage(self.catalog, open_store(f"file:{folder}/objects"), clock=SystemClock())
        self.repo = Repos(self.catalog, self.storage, clock=SystemClock()).get("r")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.catalog.close()

    @property
    def nodes(self) -> int:
        return self.storage.nodes.decoded

    @property
    def reads(self) -> int:
        return self.storage.reader.object_reads + self.storage.reader.row_reads


@pytest.fixture(scope="module", params=SIZES)
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder, files = tmp_path_factory.mktemp("grown"), request.param
    catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
    storage = Storage(catalog, open_store(f"file:{folder}/objects"), clock=SystemClock())
    with Repos(catalog, storage, clock=SystemClock()).create("r").commit() as commit:
        content = commit.writer.add(b"x")
        for number in range(files):
            commit.put_content(f"{number // 100:05d}/{number % 100:02d}.txt", content)
    catalog.close()
    return folder, files


def test_a_one_file_commit_reads_and_writes_a_few_nodes_a_level(grown: tuple[Path, int]) -> None:
    folder, files = grown
    for number in (0, files // 3, files - 1):
        with Seen(folder) as seen:
            objects = sum(1 for _ in (folder / "objects").rglob("*"))

            put(seen.repo, f"/{number // 100:05d}/{number % 100:02d}.txt", f"changed {number} {files}")

            assert seen.nodes <= 2 * levels(files) + 1
            assert seen.reads <= 2 * levels(files) + 1
            assert sum(1 for _ in (folder / "objects").rglob("*")) == objects
            assert seen.repo.at("main").files == files


def test_a_diff_of_a_one_file_commit_reads_the_two_ways_to_it(grown: tuple[Path, int]) -> None:
    folder, files = grown
    with Seen(folder) as seen:
        put(seen.repo, f"/{files // 200:05d}/07.txt", os.urandom(4).hex())
    with Seen(folder) as fresh:
        rows = list(fresh.repo.diff("main^", "main"))

        assert len(rows) == 1
        assert fresh.nodes <= 2 * levels(files)


def test_a_small_folder_is_listed_without_looking_at_others(grown: tuple[Path, int]) -> None:
    folder, files = grown
    with Seen(folder) as fresh:
        assert len(list(fresh.repo.at("main").list(f"/{files // 200:05d}"))) == 100

        assert fresh.nodes <= 5 * levels(files)


def test_a_file_of_a_commit_is_found_by_one_node_a_level(grown: tuple[Path, int]) -> None:
    folder, files = grown
    with Seen(folder) as fresh:
        fresh.repo.at("main").stat(f"/{files // 200:05d}/50.txt")

        assert fresh.nodes <= levels(files)
