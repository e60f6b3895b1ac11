"""Pages of keys: against a plain list of keys, and what one costs."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headwater.db import Catalog
from headwater.gateway.listing import list_page
from headwater.storage import Put, Storage, open_store
from tests.storage.workbench import Grove, commit, fake, reopened

PART = st.text("ab0é-", min_size=1, max_size=3)
KEYS = st.sets(st.lists(PART, min_size=1, max_size=4).map("/".join), max_size=40)
TEXT = st.text("ab0é-/", max_size=3)


def plain(keys: list[str], prefix: str, delimiter: str, after: str) -> list[str]:
    """Returns what S3 would list, by going through all keys: folded prefixes once, all in byte order."""
    found: dict[str, None] = {}
    for key in keys:
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        shown = key if at < 0 else key[: at + len(delimiter)]
        is_behind = shown.encode() > after.encode() and not (at >= 0 and after.startswith(shown))
        if is_behind:
            found[shown] = None
    return list(found)


@given(keys=KEYS, prefix=TEXT, delimiter=st.sampled_from(["", "/", "-", "é", "ab"]), limit=st.integers(1, 9))
def test_the_pages_together_are_what_a_plain_list_gives(
    keys: set[str], prefix: str, delimiter: str, limit: int
) -> None:
    assume(not any(one.startswith(f"{other}/") for one in keys for other in keys))
    ordered = sorted(keys, key=str.encode)
    grove = Grove()
    tree = grove.build((key.encode(), b"h" * 32, 1, 0, 0, 0, 0) for key in ordered)

    shown: list[str] = []
    after = ""
    while True:
        page = list_page(tree, prefix=prefix, delimiter=delimiter, after=after, limit=limit)  # type: ignore[arg-type]
        names = sorted([*(file.path for file in page.files), *page.prefixes], key=str.encode)
        assert len(names) == limit or page.last is None
        shown += names
        if page.last is None:
            break
        assert page.last == names[-1]
        after = page.last

    assert shown == plain(ordered, prefix, delimiter, "")


@given(keys=KEYS, after=TEXT, delimiter=st.sampled_from(["", "/"]))
def test_a_list_begins_behind_any_text(keys: set[str], after: str, delimiter: str) -> None:
    assume(not any(one.startswith(f"{other}/") for one in keys for other in keys))
    ordered = sorted(keys, key=str.encode)
    tree = Grove().build((key.encode(), b"h" * 32, 1, 0, 0, 0, 0) for key in ordered)

    page = list_page(tree, prefix="", delimiter=delimiter, after=after, limit=1000)  # type: ignore[arg-type]

    names = sorted([*(file.path for file in page.files), *page.prefixes], key=str.encode)
    assert names == plain(ordered, "", delimiter, after)


class Grown:
    """A tree of so many files in folders of 100, seen with nothing remembered."""

    def __init__(self, count: int, folder: Path) -> None:
        self.catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
        self.objects = open_store("memory:")
        self.count = count
        puts = (Put(f"{n // 100:05d}/{n:07d}", fake(b"x")) for n in range(count))
        self.root = commit(Storage(self.catalog, self.objects), self.catalog, puts).root

    def nodes_of(self, **page: str | int) -> int:
        storage = reopened(self.catalog, self.objects)
        asked = {"prefix": "", "delimiter": "", "after": "", "limit": 1000, **page}
        list_page(storage.tree(self.root), **asked)  # type: ignore[arg-type]
        return storage.nodes.decoded


@pytest.fixture(scope="module", params=[10_000, 100_000])
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    made = Grown(request.param, tmp_path_factory.mktemp("grown"))
    yield made
    made.catalog.close()


def test_a_page_decodes_its_own_leaves_and_the_way_to_them(grown: Grown) -> None:
    levels = math.ceil(math.log(grown.count, 64)) + 1
    leaves = 2 * 1000 // 64 + levels

    for after in ("", f"{grown.count // 200:05d}/", f"{grown.count // 100 - 1:05d}/"):
        assert grown.nodes_of(after=after) <= leaves + levels


def test_a_folded_page_costs_its_prefixes_and_not_what_lies_below_them(grown: Grown) -> None:
    levels = math.ceil(math.log(grown.count, 64)) + 1

    assert grown.nodes_of(delimiter="/", limit=10) <= 2 * 10 * levels
    assert grown.nodes_of(prefix="00050/", delimiter="/") <= 2 * 100 // 64 + 2 * levels + 2
