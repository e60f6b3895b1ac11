"""A store is tried out before a workspace relies on it, and everything that is not allowed is told at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.storage import ObjectKey, StorageUnavailable, open_store
from headwater.storage.errors import StoreNotFound, StoreUnfit
from headwater.storage.probe import verify, verify_store
from headwater.storage.stores import MemoryStore
from tests.servers.seaweed import NOBODY, READER, S3Server


def test_a_store_that_does_everything_passes_and_nothing_is_left_there(s3_url: str, tmp_path: Path) -> None:
    for url in (s3_url, f"file:{tmp_path}/objects"):
        verify_store(url)

        assert list(open_store(url).list()) == []


def test_a_bucket_that_may_only_be_read_is_refused_with_all_that_is_missing(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in READER.environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StoreUnfit) as caught:
        verify_store(s3_url)

    assert [one["operation"] for one in caught.value.details] == ["write", "delete"]
    assert "owner" in caught.value.hint


def test_a_bucket_that_allows_nothing_is_refused_with_all_of_it(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NOBODY.environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StoreUnfit) as caught:
        verify_store(s3_url)

    assert [one["operation"] for one in caught.value.details] == ["write", "read", "list", "delete"]


def test_a_missing_bucket_is_named_and_not_called_unfit(s3_server: S3Server, s3_keys: None) -> None:
    with pytest.raises(StoreNotFound) as caught:
        verify_store(s3_server.url("no-such-bucket"))

    assert "no-such-bucket" in caught.value.message


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(StorageUnavailable):
        verify_store(f"file:{tmp_path}/file/objects")


class Forgetful(MemoryStore):
    """Shows a new object in no listing, as services without consistency do."""

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        return iter(())


def test_a_store_that_shows_new_objects_late_is_unfit() -> None:
    with pytest.raises(StoreUnfit) as caught:
        verify(Forgetful())

    assert "list" in caught.value.message
