"""A byte that changed on disk or on the way is found by its checksum, named, and never handed on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog
from headwater.storage import ObjectStore, Storage, StoredBytesCorrupt, open_store
from headwater.storage.backends.cloud import CloudStore
from headwater.storage.backends.urls import parse
from tests.servers.fault_proxy import FaultProxy, Flip
from tests.servers.seaweed import S3Server
from tests.storage.workbench import commit

FILES = {f"{n:04d}.txt": b"%d " % n * 300 for n in range(1_500)}


def damaged_reads(storage: Storage, root: object) -> tuple[int, set[str]]:
    """Reads all files; returns how many were refused, and the places that were named."""
    refused, named = 0, set[str]()
    tree = storage.tree(root)  # type: ignore[arg-type]
    for path, data in FILES.items():
        try:
            entry = tree.get(path)
            assert entry is not None
            assert storage.read(entry) == data
        except StoredBytesCorrupt as error:
            refused += 1
            named.add(error.where)
    return refused, named


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.13, 0.37, 0.5, 0.71, 0.9])
def test_a_flipped_byte_on_disk_is_named_and_never_returned(
    catalog: Catalog, tmp_path: Path, share: float
) -> None:
    store = open_store(f"file:{tmp_path}/objects")
    tree = commit(Storage(catalog, store), catalog, FILES)
    (key,) = store.list()
    place = tmp_path / "objects" / key
    data = bytearray(place.read_bytes())
    data[int(share * len(data))] ^= 0x10
    place.write_bytes(data)

    refused, named = damaged_reads(Storage(catalog, open_store(store.url)), tree.root)

    assert refused >= 1
    assert all(key in where for where in named)


@pytest.fixture
def proxy(s3_server: S3Server, s3_keys: None) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.port) as proxy:
        yield proxy


def test_a_byte_flipped_on_the_way_is_named_and_never_returned(
    catalog: Catalog, proxy: FaultProxy, s3_server: S3Server
) -> None:
    url = f"s3://{s3_server.new_place()}?endpoint={proxy.endpoint}&allow_http=true"
    store: ObjectStore = CloudStore(parse(url))
    tree = commit(Storage(catalog, store), catalog, FILES)
    (key,) = store.list()
    entry = Storage(catalog, store).tree(tree.root).get("0700.txt")
    assert entry is not None
    proxy.always(Flip(40))

    with pytest.raises(StoredBytesCorrupt) as caught:
        Storage(catalog, store).read(entry)

    assert key in caught.value.message
    proxy.always(None)
    assert Storage(catalog, store).read(entry) == FILES["0700.txt"]
