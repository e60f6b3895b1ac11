"""How often a distant store is asked for a commit of one file, and how many of these requests wait for others.

Counted, not timed: with 40 ms a request, each round is 40 ms.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from benchmarks.slow_store import SlowStore, Traffic
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Delete, Edit, ObjectKey, ObjectStore, Put, Storage, Tree, open_store
from headwater.storage.backends.cache import CachedStore
from headwater.storage.protocol import Wanted, get_many
from tests.storage.workbench import publish

SIZES = [10_000, pytest.param(1_000_000, marks=pytest.mark.large)]
KINDS = ["put", "new", "delete"]
SHARES = [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.617, 0.77, 0.9, 0.999]


class Distant:
    """A tree of so many files in a store far away, and what is asked of that store."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        self.catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
        self.objects: ObjectStore = open_store("memory:")
        self.slow = SlowStore(self.objects, 0)
        storage = Storage(self.catalog, self.objects)
        writer = storage.writer()
        puts = (Put(self.path(n), writer.add(b"%d" % n * 32)) for n in range(count))
        self.base = writer.edit(storage.tree(None), puts)
        publish(writer, self.catalog)

    def path(self, number: int) -> str:
        return f"{number * 100 // self.count:02d}/{number:07d}.txt"

    def opened(self) -> tuple[Storage, Tree]:
        """Returns the tree as a process sees it that has just begun."""
        storage = Storage(self.catalog, CachedStore(self.slow))
        return storage, storage.tree(self.base.root)


@pytest.fixture(scope="module", params=SIZES)
def distant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distant]:
    made = Distant(request.param, tmp_path_factory.mktemp("distant"))
    yield made
    made.catalog.close()


def change(
    distant: Distant, storage: Storage, tree: Tree, share: float, kind: str = "put"
) -> tuple[Tree, Traffic]:
    """Commits a change of one file; returns the tree and what it asked of the store."""
    path, before = distant.path(min(int(share * distant.count), distant.count - 1)), distant.slow.traffic
    writer = storage.writer()
    content = writer.add(f"{kind} at {share}".encode())
    edits: dict[str, Edit] = {
        "put": Put(path, content),
        "new": Put(path + ".new", content),
        "delete": Delete(path),
    }
    changed = writer.edit(tree, [edits[kind]])
    publish(writer, distant.catalog)
    return changed, distant.slow.traffic - before


def test_a_cold_commit_of_one_file_takes_at_most_six_requests_in_five_rounds(distant: Distant) -> None:
    for kind, share in product(KINDS, SHARES):
        _, cost = change(distant, *distant.opened(), share, kind)

        assert cost.requests <= 6
        assert cost.rounds <= 5
        assert cost.bytes_read < 4_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_warm_commit_of_one_file_takes_at_most_two_requests_in_one_round(
    distant: Distant, kind: str
) -> None:
    storage, tree = distant.opened()
    for number in range(0, distant.count, 500):  # the process has seen the inner nodes, not all the leaves
        tree.get(distant.path(number))

    costs = list[Traffic]()
    for share in SHARES:
        tree, cost = change(distant, storage, tree, share, kind)
        costs.append(cost)

    assert max(cost.requests for cost in costs) <= 2
    assert max(cost.rounds for cost in costs) <= 1
    assert distant.count < 1_000_000 or any(cost.requests for cost in costs)


def test_a_commit_to_a_repo_asks_a_distant_store_as_rarely(tmp_path: Path) -> None:
    catalog = Catalog.create(f"sqlite:///{tmp_path}/catalog.db")
    objects = open_store("memory:")
    slow = SlowStore(objects, 0)

    def repos() -> Repos:
        return Repos(catalog, Storage(catalog, CachedStore(slow)), clock=SystemClock())

    with repos().create("reviews").commit() as first:
        for number in range(10_000):
            first.put(f"{number // 100:03d}/{number:05d}.txt", b"%d" % number * 10)

    cold, begun = repos().get("reviews"), slow.traffic
    with cold.commit() as change:
        change.put("050/05000.txt", b"changed")
    after_cold = slow.traffic
    with cold.commit() as change:
        change.put("020/02000.txt", b"changed")
    after_warm = slow.traffic
    catalog.close()

    assert (after_cold - begun).requests <= 6
    assert (after_cold - begun).rounds <= 5
    assert (after_warm - after_cold).requests <= 2
    assert (after_warm - after_cold).rounds <= 1


def test_blocks_that_lie_together_come_with_one_request() -> None:
    slow = SlowStore(open_store("memory:"), 0)
    store = CachedStore(slow)
    key = ObjectKey.random()
    slow.put(key, bytes(3_000_000))
    before = slow.traffic

    get_many(store, [Wanted(key, n * 10_000, n * 10_000 + 5_000) for n in range(100)])
    get_many(store, [Wanted(key, 5_000, 900_000)])

    assert (slow.traffic - before).requests == 1
