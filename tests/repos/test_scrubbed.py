"""Commits that share bytes with a commit that is purged, and swept, while they are made."""

import io
import os

import pytest

from headwater.repos import CommitPurged, Repo, Repos
from headwater.storage import Storage
from tests.repos.history import change

LARGE = os.urandom(6_000_000)


def first_of_two(reviews: Repo) -> str:
    """Commits a large file and a small one that lie together."""
    with reviews.commit() as commit:
        commit.put("/small", b"kept")
        commit.put("/large", io.BytesIO(LARGE))
    return str(commit.id)


def purge(reviews: Repo, repos: Repos, storage: Storage, commit: str) -> None:
    change(reviews, "main", {"/large": None})
    reviews.purge(commit)
    storage.sweep([repos.roots])


def test_a_put_that_shares_chunks_with_a_purged_head_is_refused(
    repos: Repos, reviews: Repo, storage: Storage
) -> None:
    first = first_of_two(reviews)
    builder = reviews.commit()
    builder.put("/large", io.BytesIO(LARGE + b"more"))

    purge(reviews, repos, storage, first)

    with pytest.raises(CommitPurged):
        builder.finish()


def test_an_open_commit_that_shares_chunks_with_a_purged_head_is_refused(
    repos: Repos, reviews: Repo, storage: Storage
) -> None:
    first = first_of_two(reviews)
    begun = reviews.start("main")
    changes = begun.edit()
    changes.put("/large", io.BytesIO(LARGE + b"more"))  # shares chunks that only the first commit leads to

    purge(reviews, repos, storage, first)

    with pytest.raises(CommitPurged):
        changes.finish()
