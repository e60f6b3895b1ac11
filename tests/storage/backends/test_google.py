"""A bucket of Google keeps the promises of `ObjectStore`, as far as its requests are those of S3.

No emulator of Google's storage installs here. Its XML interface is that of S3
but for names of headers, so the S3 server answers all but the conditions; what
only Google does is not tested, and the store is called experimental.
"""

import secrets
from collections.abc import Iterator

import pytest

from headwater.storage import ObjectKey, ObjectStore, open_store
from headwater.storage.contract import ObjectStoreContract
from headwater.storage.errors import StoreForbidden, StoreNotFound
from headwater.storage.probe import verify_store
from tests.servers.fault_proxy import FaultProxy
from tests.servers.seaweed import OPEN_BUCKET, S3Server


@pytest.fixture
def endpoint(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "worthless")
    with FaultProxy(s3_server.port, without=frozenset({"authorization"})) as proxy:
        yield proxy.endpoint


@pytest.fixture
def google_url(s3_server: S3Server, endpoint: str) -> str:
    s3_server.new_bucket(OPEN_BUCKET)
    return f"gs://{OPEN_BUCKET}/{secrets.token_hex(6)}?endpoint={endpoint}&allow_http=true"


class TestGoogle(ObjectStoreContract):
    @pytest.fixture
    def store(self, google_url: str) -> ObjectStore:
        return open_store(google_url)


def test_a_bucket_passes_the_trial(google_url: str) -> None:
    verify_store(google_url)

    assert list(open_store(google_url).list()) == []


def test_a_bucket_of_somebody_else_is_refused(endpoint: str) -> None:
    with pytest.raises((StoreForbidden, StoreNotFound)) as caught:
        open_store(f"gs://somebody-elses?endpoint={endpoint}&allow_http=true").put(ObjectKey.random(), b"x")

    assert "somebody-elses" in caught.value.message
