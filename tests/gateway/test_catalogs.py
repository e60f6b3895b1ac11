"""Uploads and landings over both kinds of catalog."""

import io
from collections.abc import Iterator

import pytest

from headwater.access import Claims
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.gateway.buckets import Bucket, Buckets
from headwater.gateway.errors import S3Refusal, UploadsGone
from headwater.gateway.landing import Landing
from headwater.gateway.uploads import Uploads
from headwater.ids import TokenId
from headwater.repos import Repos
from headwater.storage import Storage, Tree, open_store
from tests.servers.postgres import fresh_catalog

ALL = Claims(TokenId("t"), ("repo:*:write",), 1 << 50)


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    catalog = fresh_catalog(catalog_url)
    yield catalog
    catalog.close()


@pytest.fixture
def storage(catalog: Catalog) -> Storage:
    return Storage(catalog, open_store("memory:"))


@pytest.fixture
def repos(catalog: Catalog, storage: Storage) -> Repos:
    repos = Repos(catalog, storage, clock=SystemClock())
    repos.create("reviews")
    return repos


@pytest.fixture
def uploads(catalog: Catalog, storage: Storage, repos: Repos) -> Uploads:
    return Uploads(catalog, storage, Landing(catalog, storage, repos), SystemClock())


@pytest.fixture
def bucket(repos: Repos) -> Bucket:
    return Buckets(repos, SystemClock().monotonic_s).for_writing("main.reviews", ALL)


def anything(tree: Tree) -> None:
    del tree


def test_an_upload_is_listed_completed_once_and_remembered(
    uploads: Uploads, bucket: Bucket, repos: Repos
) -> None:
    upload = uploads.begin(bucket, "a_b")
    other = uploads.begin(bucket, "aXb")
    parts = [
        uploads.put(bucket, "a_b", upload, 2, b"two"),
        uploads.put(bucket, "a_b", upload, 1, b"1" * (5 << 20)),
    ]

    listed = uploads.under_way(bucket, prefix="a_", after=("", ""), limit=10)
    wanted = [(part.number, part.etag) for part in reversed(parts)]
    done = uploads.complete(bucket, "a_b", upload, wanted, check=anything, author="me")
    again = uploads.complete(bucket, "a_b", upload, wanted, check=anything, author="me")

    assert [row.id for row in listed] == [upload]
    assert done.etag == again.etag
    assert repos.get("reviews").at().read("/a_b") == b"1" * (5 << 20) + b"two"
    uploads.abort(bucket, "aXb", other)
    with pytest.raises(S3Refusal, match="no upload"):
        uploads.abort(bucket, "aXb", other)
    with pytest.raises(UploadsGone):
        uploads.put(bucket, "a_b", upload, 3, io.BytesIO(b"late"))
