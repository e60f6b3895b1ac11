"""A container of Azure keeps the promises of `ObjectStore`, as far as Azure's emulator shows it."""

import pytest

from headwater.storage import ObjectKey, ObjectStore, open_store
from headwater.storage.backends.cloud import ONE_REQUEST_BYTES
from headwater.storage.contract import ObjectStoreContract
from headwater.storage.errors import ObjectTaken, StoreCredentials, StoreForbidden, StoreNotFound
from headwater.storage.probe import verify_store
from headwater.storage.remote import list_remote, open_remote
from tests.servers.azurite import AzureServer


class TestAzure(ObjectStoreContract):
    @pytest.fixture
    def store(self, azure_url: str) -> ObjectStore:
        return open_store(azure_url)


def test_a_container_passes_the_trial_and_never_replaces_an_object(azure_url: str) -> None:
    store, key = open_store(azure_url), ObjectKey.random()

    verify_store(azure_url)
    store.put(key, b"first")

    with pytest.raises(ObjectTaken):
        store.put(key, b"other")


def test_a_missing_container_and_a_wrong_key_are_told(
    azure_url: str, azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreNotFound):
        open_store(azure_server.url("no-such-container")).put(ObjectKey.random(), b"x")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "d29ydGhsZXNz")
    with pytest.raises((StoreCredentials, StoreForbidden)) as caught:  # the emulator calls it the second
        open_store(azure_url).put(ObjectKey.random(), b"x")

    assert "d29ydGhsZXNz" not in str(caught.value)


def test_a_long_object_goes_up_in_parts(azure_url: str) -> None:
    store, key = open_store(azure_url), ObjectKey.random()
    data = bytes(range(256)) * (ONE_REQUEST_BYTES // 256 + 1)

    store.put(key, data)

    assert store.get(key, slice(ONE_REQUEST_BYTES - 1, None)) == data[ONE_REQUEST_BYTES - 1 :]


def test_files_in_a_container_are_sources(azure_url: str) -> None:
    open_store(azure_url).put(ObjectKey("a/b.txt"), b"text")
    root = azure_url.replace("/workspace/objects", "/workspace/")

    (found,) = list_remote(root)

    assert found.name == "objects/a/b.txt"
    assert open_remote(found.url).read() == b"text"
