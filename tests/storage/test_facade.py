"""The door of the floor: every name it promises is there, and its reading side works from many threads and a fork."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

import headwater.storage as facade
from headwater.db import Catalog
from headwater.storage import ObjectStore, Storage, content_hash
from tests.storage.workbench import commit, reopened


@pytest.mark.parametrize("name", facade.__all__)
def test_every_promised_name_is_there(name: str) -> None:
    assert getattr(facade, name) is not None


def test_a_name_that_is_not_promised_is_refused() -> None:
    name = "Nodes"

    with pytest.raises(AttributeError, match="'Nodes'"):
        getattr(facade, name)


def test_many_threads_may_read_and_write_at_once(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    files = {f"{n % 7}/{n}": b"%d" % n * 50 for n in range(3_000)}
    tree = commit(storage, catalog, files)
    fresh = reopened(catalog, objects)

    def work(number: int) -> bool:
        own = commit(fresh, catalog, {f"mine/{number}": b"%d" % number}, fresh.tree(tree.root))
        return all(fresh.read(entry) == files.get(entry.path, b"%d" % number) for entry in own.entries())

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(work, range(12)))

    assert outcomes == [True] * 12


def test_a_forked_child_writes_under_ids_of_its_own(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    commit(storage, catalog, {"parent": b"before"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that other tests may have left
        child = os.fork()
    if child == 0:
        try:
            commit(storage, catalog, {"child": b"x"})
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    tree = commit(storage, catalog, {"parent": b"after"})

    entry = reopened(catalog, objects).tree(tree.root).get("parent")
    assert entry is not None
    assert entry.hash == content_hash(b"after")
    with catalog.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM segments").scalar_one() == 3
