"""What planning a change of one file costs among many, counted: nodes decoded, reads, statements, and time."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headwater.pipelines.inputs import InputPlanner
from headwater.pipelines.kind import Members
from headwater.pipelines.spec import CrossInput, FilesInput, GroupInput, Input, JoinInput, UnionInput
from headwater.storage import Delete, Edit, Pointer, Put, Storage, Tree, Writer, open_store
from tests.pipelines.inputs.workbench import Bench, held, labels, make

SIZES = [1_000, 10_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.large)]

REVIEWS = FilesInput(name="reviews", repo="reviews", glob="/*/(*).txt", join_on="$1", group_by="all")
TAGS = FilesInput(name="tags", repo="tags", glob="/*/(*).tag", join_on="$1", group_by="all", outer_join=True)
MODEL = FilesInput(name="model", repo="model", glob="/")
PLAIN = FilesInput(name="reviews", repo="reviews", glob="/*/*")
FOLDERS = FilesInput(name="reviews", repo="reviews", glob="/*")
INPUTS: dict[str, Input] = {
    "files": PLAIN,
    "files-anywhere": FilesInput(name="reviews", repo="reviews", glob="/**/*.txt"),
    "folders": FOLDERS,
    "cross": CrossInput(of=(PLAIN, MODEL)),
    "union": UnionInput(of=(PLAIN, FilesInput(name="reviews", repo="reviews", glob="/{00,01}/*"))),
    "join": JoinInput(of=(REVIEWS, TAGS)),
    "join-of-one-value": JoinInput(
        of=(
            FilesInput(name="reviews", repo="reviews", glob="/*/*", join_on="all"),
            FilesInput(name="model", repo="model", glob="/", join_on="all"),
        )
    ),
    "group": GroupInput(of=(REVIEWS,)),
    "groups-of-a-join": GroupInput(of=(JoinInput(of=(REVIEWS, TAGS)),)),
}


def levels(count: int) -> int:
    """Returns how many levels a tree of so many entries may be expected to have."""
    return math.ceil(math.log(count, 64)) + 1


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def count(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


class Grown(Bench):
    """Repos of so many files, published, and planners that have remembered nothing of them."""

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(folder)
        self.objects = open_store("memory:")
        self.storage = Storage(self.catalog, self.objects)
        self.count = count
        content = held(1)
        reviews = (Put(f"{n * 100 // count:02d}/{n:07d}.txt", content) for n in range(count))
        tags = (Put(f"{n * 100 // count:02d}/{n:07d}.tag", content) for n in range(0, count, 2))
        self.roots = {
            "reviews": self.keep(reviews),
            "tags": self.keep(tags),
            "model": self.keep([Put("w", content)]),
        }
        self._indexes: dict[str, Pointer | None] = {}

    def path(self, number: int) -> str:
        return f"{number * 100 // self.count:02d}/{number:07d}.txt"

    def keep(self, edits: Any, base: Tree | None = None) -> Pointer | None:
        writer = self.storage.writer()
        tree = writer.edit(base or self.storage.tree(None), edits)
        self.publish(writer)
        return tree.root

    def publish(self, writer: Writer) -> None:
        writer.seal()
        with self.catalog.write() as conn:
            writer.publish(conn)

    def open(self, roots: Mapping[str, Pointer | None]) -> dict[str, Tree]:
        return {repo: self.storage.tree(root) for repo, root in roots.items()}

    def index(self, name: str) -> Pointer | None:
        """Returns the index of an input, made once."""
        if name not in self._indexes:
            views, writer = self.views(INPUTS[name], self.open(self.roots)), self.storage.writer()
            planner = InputPlanner(INPUTS[name], views, None, writer, make=make)
            for _ in planner.every():
                break
            index = planner.index()
            self.publish(writer)
            self._indexes[name] = None if index is None else index.root
        return self._indexes[name]

    def after(self, edits: list[Edit], repo: str = "reviews") -> dict[str, Pointer | None]:
        return {**self.roots, repo: self.keep(edits, self.storage.tree(self.roots[repo]))}

    def cold(self, name: str, roots: Mapping[str, Pointer | None]) -> InputPlanner:
        """Returns a planner from the first state to this one, as another process would have it."""
        index = self.index(name)
        self.storage = Storage(self.catalog, self.objects)
        old, new = self.open(self.roots), self.open(roots)
        return self.planner(INPUTS[name], new, old, self.storage.map_tree(index))

    @property
    def reads(self) -> int:
        return self.storage.reader.object_reads + self.storage.reader.row_reads


@pytest.fixture(scope="module", params=SIZES)
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    made = Grown(tmp_path_factory.mktemp("grown"), request.param)
    yield made
    made.close()


# How many nodes a level may be decoded: the ways to one file in two trees, and for joins and groups what their
# index needs beside them: the ways to an entry in two states, the edges of a range, and what was made anew.
MOST = {
    "files": 2,
    "files-anywhere": 2,
    "folders": 8,
    "cross": 3,
    "union": 2,
    "join": 6,
    "join-of-one-value": 9,
    "group": 9,
    "groups-of-a-join": 14,
}


@pytest.mark.parametrize("name", INPUTS)
def test_a_change_of_one_file_is_planned_by_a_few_nodes_a_level(grown: Grown, name: str) -> None:
    number = grown.count // 4 * 2  # one with a tag
    for edit in (
        Put(grown.path(number), held(2)),
        Put(grown.path(number).replace(".txt", "x.txt"), held(2)),
        Delete(grown.path(number)),
    ):
        planner = grown.cold(name, grown.after([edit]))

        with statements() as seen:
            changes = list(planner.changes())

        assert len(changes) <= 2
        assert grown.storage.nodes.decoded <= MOST[name] * levels(grown.count)
        assert grown.reads <= MOST[name] * levels(grown.count)
        assert len(seen) <= 3 * MOST[name] * levels(grown.count)


def test_one_file_more_in_one_group_of_all_gives_a_digest_without_reading_the_others(grown: Grown) -> None:
    planner = grown.cold("group", grown.after([Put("50/new.txt", held(3))]))

    (change,) = planner.changes()

    assert change.datum is not None
    (members,) = change.datum.inputs
    assert isinstance(members, Members)
    assert (members.count, members.size) == (grown.count + 1, 11 * grown.count + 13)
    assert grown.storage.nodes.decoded <= MOST["group"] * levels(grown.count)


@pytest.mark.parametrize("name", INPUTS)
def test_planning_one_file_takes_milliseconds(grown: Grown, name: str) -> None:
    roots = grown.after([Put(grown.path(grown.count // 4 * 2), held(4))])
    grown.index(name)
    old, new = grown.open(grown.roots), grown.open(roots)
    index = grown.storage.map_tree(grown.index(name))
    took = []
    for _ in range(5):
        planner = grown.planner(INPUTS[name], new, old, index)
        begun = time.process_time()
        list(planner.changes())
        took.append(time.process_time() - begun)

    assert min(took) < 0.01


def test_a_datum_found_again_costs_the_way_to_its_files(grown: Grown) -> None:
    for name in ("files", "cross", "join"):
        planner = grown.cold(name, grown.after([Put(grown.path(6), held(5))]))
        (change,) = planner.changes()
        assert change.datum is not None
        again = grown.cold(name, grown.after([Put(grown.path(8), held(5))]))

        assert again.find(change.datum.locator) is not None

        assert grown.storage.nodes.decoded <= (MOST[name] + 4) * levels(grown.count)


def test_changes_that_no_input_asks_for_are_passed_by(grown: Grown) -> None:
    elsewhere: list[Edit] = [Put(f"05/{n:03d}/new.txt", held(6)) for n in range(grown.count // 2)]
    roots = grown.after([*elsewhere, Put("42/new.txt", held(6))])
    inputs = {"in one folder": "/42/*", "below folders that match": "/4*/*.txt", "a folder": "/42"}
    for glob in inputs.values():
        grown.storage = Storage(grown.catalog, grown.objects)
        old, new = grown.open(grown.roots), grown.open(roots)
        planner = grown.planner(FilesInput(name="r", repo="reviews", glob=glob), new, old)

        assert len(list(planner.changes())) == 1

        assert grown.storage.nodes.decoded <= 8 * levels(grown.count)


def test_a_folder_with_many_changes_is_one_change_and_not_read_through(grown: Grown) -> None:
    roots = grown.after([Put(f"50/{n:07d}.new", held(6)) for n in range(grown.count // 2)])
    grown.storage = Storage(grown.catalog, grown.objects)
    old, new = grown.open(grown.roots), grown.open(roots)

    changes = list(grown.planner(FOLDERS, new, old).changes())

    assert [change.datum.label for change in changes if change.datum] == ["reviews:/50"]
    assert grown.storage.nodes.decoded <= 12 * levels(grown.count) + 4


def test_the_first_datums_come_before_all_are_known(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    trees = {name: bench.tree({f"{n:05d}": 1 for n in range(6_000)}) for name in "abc"}
    files = tuple(FilesInput(name=name, repo=name, glob="/*") for name in "abc")

    first = list(islice(bench.planner(CrossInput(of=files), trees).every(), 3))

    assert labels(first) == [f"a:/00000 × b:/00000 × c:/{n:05d}" for n in range(3)]
    bench.close()


def test_a_hundred_thousand_datums_are_listed_in_two_seconds(tmp_path: Path) -> None:
    bench, content = Bench(tmp_path), held(1)
    trees = {"reviews": bench.tree([Put(f"{n:06d}", content) for n in range(100_000)])}
    planner = bench.planner(FOLDERS, trees)

    begun = time.process_time()
    count = sum(1 for _ in planner.every())
    took = time.process_time() - begun

    assert (count, took < 2) == (100_000, True)
    bench.close()
