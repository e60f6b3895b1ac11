"""The roots of commits: everything a sweep must keep is named, and what was given up is not."""

from pathlib import Path

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repo, Repos
from headwater.storage import Storage, open_store
from tests.repos.history import change, files, several


def named(catalog: Catalog, repos: Repos) -> set[tuple[str, str]]:
    with catalog.read() as conn:
        return {(root.ref, root.role) for root in repos.roots.named_roots(conn)}


def test_every_commit_names_its_files_and_its_record(catalog: Catalog, repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 2)

    expected = {(f"reviews@{id}", role) for id in ids for role in ("output", "record")}
    assert named(catalog, repos) == expected
    with catalog.read() as conn:
        assert len(list(repos.roots.roots(conn))) == 4


def test_a_purged_commit_names_its_tombstone_only(catalog: Catalog, repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.purge(ids[0])

    assert {role for ref, role in named(catalog, repos) if ids[0] in ref} == {"record"}


def test_an_open_commit_names_what_it_is_to_change(
    catalog: Catalog, repos: Repos, reviews: Repo, storage: Storage, tmp_path: Path
) -> None:
    change(reviews, "main", {"/a": "a"})
    begun = reviews.start()
    begun.put("/b", "b" * 1_000)
    begun.append("/a", "more")
    begun.delete("/a")

    roles = {role for ref, role in named(catalog, repos) if ref == begun.id}
    storage.sweep([repos.roots])
    storage.sweep([repos.roots])

    assert "puts" in roles
    elsewhere = Storage(catalog, open_store(f"file:{tmp_path}/objects"), clock=SystemClock())
    other = Repos(catalog, elsewhere, clock=SystemClock()).get("reviews")
    other.open_commit(begun.id).finish()
    assert files(other, "main") == {"/b": "b" * 1_000}


def test_many_commits_are_read_in_pieces(catalog: Catalog, repos: Repos, reviews: Repo) -> None:
    change(reviews, "main", {"/a": "a"})
    with catalog.write() as conn:
        set_id = repos.new_set(conn)
        for _ in range(2_100):
            repos.complete(conn, repos.reserve(conn, "reviews", "side", set_id=set_id), state="covered")

    with catalog.read() as conn:
        assert len(list(repos.roots.roots(conn))) == 2_102
