"""A clock that jumps, forwards or back, costs nobody a commit: order and locks go by numbers, not by time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog
from headwater.repos import Repo, Repos
from headwater.storage import SegmentsGone, Storage, open_store
from tests.clocks import HandClock

YEARS_MS = 10 * 365 * 24 * 3600 * 1000


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def catalog(tmp_path: Path, clock: HandClock) -> Iterator[Catalog]:
    catalog = Catalog.create(f"sqlite:///{tmp_path}/jumping.db", clock=clock)
    yield catalog
    catalog.close()


@pytest.fixture
def storage(catalog: Catalog, tmp_path: Path, clock: HandClock) -> Storage:
    return Storage(catalog, open_store(f"file:{tmp_path}/jumping"), clock=clock)


@pytest.fixture
def repos(catalog: Catalog, storage: Storage, clock: HandClock) -> Repos:
    return Repos(catalog, storage, clock=clock)


@pytest.fixture
def reviews(repos: Repos) -> Repo:
    return repos.create("reviews")


def commit(repo: Repo, name: str) -> str:
    with repo.commit(message=name) as changes:
        changes.put(f"/{name}", name)
    return changes.id


@pytest.mark.parametrize("jump_ms", [YEARS_MS, -YEARS_MS])
def test_commits_keep_their_order(reviews: Repo, clock: HandClock, jump_ms: int) -> None:
    before = commit(reviews, "before")

    clock.ms += jump_ms
    after = commit(reviews, "after")

    assert [one.id for one in reviews.log().items] == [after, before]
    assert reviews.at("main^").read("/before") == b"before"


@pytest.mark.parametrize("jump_ms", [YEARS_MS, -YEARS_MS])
def test_a_sweep_frees_nothing_that_a_commit_has(
    repos: Repos, reviews: Repo, storage: Storage, clock: HandClock, jump_ms: int
) -> None:
    commit(reviews, "before")

    clock.ms += jump_ms
    storage.sweep([repos.roots])
    commit(reviews, "after")
    storage.sweep([repos.roots])

    assert [reviews.at().read(f"/{name}") for name in ("before", "after")] == [b"before", b"after"]
    assert [one for one in storage.check([repos.roots]) if one.is_damage] == []


def test_an_upload_that_a_jump_outdates_is_refused_and_can_be_made_again(
    repos: Repos, reviews: Repo, storage: Storage, clock: HandClock
) -> None:
    large = os.urandom(1_500_000)
    first = commit(reviews, "first")
    changes = reviews.commit(message="large")
    changes.put("/large", large)
    changes.put("/larger", large * 6)  # more than one segment, so one of them is an object by now

    clock.ms += YEARS_MS
    storage.sweep([repos.roots])
    with pytest.raises(SegmentsGone) as caught:
        changes.finish()

    assert "again" in str(caught.value)
    assert reviews.resolve().id == first
    with reviews.commit(message="large") as again:
        again.put("/large", large)
    assert reviews.at().read("/large") == large
