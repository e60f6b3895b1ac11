"""Every remote store and every store that wraps one keeps the promises of `ObjectStore`."""

from pathlib import Path

import pytest

from headwater.storage import ObjectStore, open_store
from headwater.storage.backends.cache import CachedStore
from headwater.storage.backends.retry import RetryStore
from headwater.storage.contract import ObjectStoreContract
from headwater.storage.stores import CachePlace


class TestS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3_url: str) -> ObjectStore:
        return open_store(s3_url)


class TestS3WithoutConditionalPuts(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3_url: str) -> ObjectStore:
        return open_store(f"{s3_url}&conditional_put=false&bulk_delete=false")


class TestS3WithCopiesOnDisk(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3_url: str, tmp_path: Path) -> ObjectStore:
        return open_store(s3_url, cache=CachePlace(tmp_path / "cache", 10_000_000))


class TestRetry(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return RetryStore(open_store("memory:"))


class TestCache(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return CachedStore(open_store("memory:"), tmp_path / "cache", 10_000_000)


class TestCacheInMemoryAlone(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return CachedStore(open_store("memory:"))


class TestCacheWithoutRoom(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return CachedStore(open_store("memory:"), tmp_path / "cache", 1)


class TestCacheOverRetryOverCache(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        inner = CachedStore(open_store(f"file:{tmp_path}/objects"), tmp_path / "inner", 10_000_000)
        return CachedStore(RetryStore(inner), tmp_path / "outer", 10_000_000)
