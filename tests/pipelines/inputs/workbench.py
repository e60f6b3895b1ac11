"""What tests of inputs build with: states of repos over one storage, and planners between them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from headwater.db import Catalog
from headwater.ids import CommitId, SetId
from headwater.pipelines.inputs import InputPlanner
from headwater.pipelines.kind import Datum, DatumInput, Members, PlanBase
from headwater.pipelines.spec import Input, leaves_of
from headwater.repos import Commit, Roots, View
from headwater.storage import Content, MapTree, Put, Storage, Tree, content_hash, open_store
from headwater.storage.shape import FORMAT, Shape

Files = Mapping[str, int]  # path → what it holds; a number stands for a content
State = Mapping[str, Files]  # repo → files

_COMMIT = Commit(
    CommitId("c"), SetId("s"), "r", "main", None, "finished", "", "", {}, 0, 0, 0, 0, Roots(), ()
)  # fmt: skip


def held(number: int) -> Content:
    """Returns a content that lies nowhere."""
    return Content(content_hash(b"%d" % number), 10 + number, executable=False, place=None)


def make(label: str, inputs: tuple[DatumInput | Members, ...], locator: bytes) -> Datum:
    return Datum(label, inputs, "call", b"", b"", "code", locator=locator)


class Bench:
    """A storage, and trees and planners in one line."""

    def __init__(self, folder: Path, shape: Shape = FORMAT) -> None:
        self.catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
        self.storage = Storage(self.catalog, open_store("memory:"), shape=shape)

    def close(self) -> None:
        self.catalog.close()

    def tree(self, files: Files | Iterable[Put]) -> Tree:
        puts = (Put(path, held(one)) for path, one in files.items()) if isinstance(files, Mapping) else files
        return self.storage.writer().edit(self.storage.tree(None), puts)

    def trees(self, state: State) -> dict[str, Tree]:
        return {repo: self.tree(files) for repo, files in state.items()}

    def views(self, input: Input, trees: Mapping[str, Tree]) -> list[View]:
        return [View(self.storage, _COMMIT, tree=trees[leaf.repo]) for leaf in leaves_of(input)]

    def planner(
        self,
        input: Input,
        trees: Mapping[str, Tree],
        base: Mapping[str, Tree] | None = None,
        index: MapTree | None = None,
        make: Callable[..., Datum] = make,
    ) -> InputPlanner:
        before = None
        if base is not None:
            before = PlanBase(self.views(input, base), index or self.storage.map_tree(None))
        return InputPlanner(input, self.views(input, trees), before, self.storage.writer(), make=make)


def labels(datums: Iterable[Datum]) -> list[str]:
    return [datum.label for datum in datums]


def changed(bench: Bench, input: Input, old: State, new: State) -> tuple[list[str], int]:
    """Returns the labels of datums that came or changed, and how many went."""
    before = bench.trees(old)
    first = bench.planner(input, before)
    for _ in first.every():
        pass
    changes = list(bench.planner(input, bench.trees(new), before, first.index()).changes())
    here = [one.datum.label for one in changes if one.datum is not None]
    return sorted(here), len(changes) - len(here)


def seen(inputs: Sequence[DatumInput | Members]) -> tuple[Any, ...]:
    """Returns which row of the input this is."""
    return tuple(
        ("group", item.name) if isinstance(item, Members) else (item.input, item.repo, item.branch, item.path)
        for item in inputs
    )
