"""What goes wrong between here and a bucket is tried again or told: which bucket, where, and what to do."""

from collections.abc import Iterator

import pytest

from headwater.storage import ObjectKey, ObjectStore, StorageUnavailable, open_store
from headwater.storage.backends.buckets import connect
from headwater.storage.backends.cloud import ONE_REQUEST_BYTES, CloudStore
from headwater.storage.backends.retry import Patience, RetryStore
from headwater.storage.backends.urls import parse
from headwater.storage.errors import (
    ObjectTaken,
    StoreCredentials,
    StoreForbidden,
    StoreNotFound,
    StoreRegion,
)
from headwater.storage.protocol import Wanted, get_many
from tests.servers.fault_proxy import Answer, Cut, Drop, Fault, FaultProxy, Flip, Forget, Hang, Pass
from tests.servers.seaweed import NOBODY, OWNER, READER, S3Server, S3User


@pytest.fixture
def proxy(s3_server: S3Server, s3_keys: None) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.port) as proxy:
        yield proxy


@pytest.fixture
def url(request: pytest.FixtureRequest, proxy: FaultProxy, s3_server: S3Server) -> str:
    parameters = getattr(request.node, "callspec", None)
    hangs = parameters is not None and parameters.params.get("fault") == Hang()
    options = f"region=us-east-1&allow_http=true&timeout_s={0.5 if hangs else 60}"
    return f"s3://{s3_server.new_place()}?endpoint={proxy.endpoint}&{options}"


@pytest.fixture
def bare(url: str) -> ObjectStore:
    """The store without patience: each fault is seen."""
    return CloudStore(parse(url))


@pytest.fixture
def patient(bare: ObjectStore) -> ObjectStore:
    """The store with patience, which waits for nothing."""
    return RetryStore(bare, sleep=lambda _: None)


PASSING: list[tuple[Fault, str]] = [
    (Answer(503, "SlowDown"), "fewer requests"),
    (Answer(429), "fewer requests"),
    (Answer(500, "InternalError"), "fault of its own"),
    (Answer(502), "fault of its own"),
    (Answer(408, "RequestTimeout"), "in time"),
    (Drop(), "broke the connection off"),
    (Cut(100), "broke the connection off"),
    (Cut(0), "broke the connection off"),
    (Hang(), "in time"),
]
LASTING: list[tuple[Answer, type[StorageUnavailable], str]] = [
    (Answer(404, "NoSuchBucket"), StoreNotFound, "Make it"),
    (Answer(403, "AccessDenied"), StoreForbidden, "allow"),
    (Answer(403), StoreForbidden, "allow"),
    (Answer(403, "InvalidAccessKeyId"), StoreCredentials, "AWS_ACCESS_KEY_ID"),
    (Answer(403, "SignatureDoesNotMatch"), StoreCredentials, "AWS_ACCESS_KEY_ID"),
    (Answer(400, "ExpiredToken"), StoreCredentials, "Renew"),
    (Answer(401), StoreCredentials, "AWS_ACCESS_KEY_ID"),
    (Answer(301, "PermanentRedirect"), StoreRegion, "region="),
    (
        Answer(400, "AuthorizationHeaderMalformed", extra="<Region>eu-west-1</Region>"),
        StoreRegion,
        "region=eu-west-1",
    ),
    (Answer(403, "RequestTimeTooSkewed"), StorageUnavailable, "clock"),
    (Answer(501, "NotImplemented"), StorageUnavailable, "conditional_put=false"),
    (Answer(418), StorageUnavailable, "log"),
]


@pytest.mark.parametrize(("fault", "says"), PASSING, ids=repr)
def test_a_passing_fault_is_told_as_one_that_may_be_tried_again(
    bare: ObjectStore, proxy: FaultProxy, url: str, fault: Fault, says: str
) -> None:
    key = ObjectKey.random()
    bare.put(key, b"x" * 10_000)
    proxy.next(fault)

    with pytest.raises(StorageUnavailable) as caught:
        bare.get(key)

    assert caught.value.is_transient
    assert says in caught.value.message
    assert parse(url).bucket in caught.value.message
    assert proxy.endpoint in caught.value.message


@pytest.mark.parametrize(("fault", "says"), PASSING, ids=repr)
def test_a_passing_fault_is_not_noticed_behind_patience(
    patient: ObjectStore, proxy: FaultProxy, fault: Fault, says: str
) -> None:
    key, absent, data = ObjectKey("segments/a"), ObjectKey("segments/b"), bytes(range(256)) * 100

    def faulty() -> None:
        proxy.next(fault)

    faulty()
    patient.put(key, data)
    faulty()
    assert patient.get(key) == data
    faulty()
    assert patient.get(key, slice(1_000, 2_000)) == data[1_000:2_000]
    faulty()
    assert get_many(patient, [Wanted(key, 5, 9), Wanted(absent, 0, 1)]) == [data[5:9], None]
    faulty()
    assert list(patient.list()) == [key]
    faulty()
    assert patient.exists(key)
    faulty()
    patient.delete(key)
    assert not patient.exists(key)


@pytest.mark.parametrize(("fault", "kind", "says"), LASTING, ids=repr)
def test_a_lasting_fault_is_told_at_once_with_what_to_do(
    patient: ObjectStore,
    proxy: FaultProxy,
    url: str,
    fault: Answer,
    kind: type[StorageUnavailable],
    says: str,
) -> None:
    proxy.always(fault)

    with pytest.raises(StorageUnavailable) as caught:
        patient.put(ObjectKey.random(), b"x")

    assert type(caught.value) is kind
    assert says in caught.value.hint
    assert parse(url).bucket in caught.value.message
    assert proxy.endpoint in caught.value.message
    assert OWNER.secret not in str(caught.value)
    assert OWNER.key not in str(caught.value)
    assert len(proxy.requests) == 1


def test_a_put_whose_answer_was_lost_is_put_again_without_harm(
    patient: ObjectStore, proxy: FaultProxy
) -> None:
    key = ObjectKey.random()
    proxy.next(Forget())

    patient.put(key, b"once")

    assert patient.get(key) == b"once"
    assert proxy.count("PUT") == 2


def test_a_put_whose_every_answer_is_lost_is_given_up_in_the_end(
    bare: ObjectStore, proxy: FaultProxy
) -> None:
    proxy.always(Forget())
    store = RetryStore(bare, Patience(attempts=3), sleep=lambda _: None)

    with pytest.raises(StorageUnavailable) as caught:
        store.put(ObjectKey.random(), b"x")

    assert "Tried 3 times" in caught.value.message


def test_other_bytes_under_a_key_are_never_replaced(patient: ObjectStore) -> None:
    key = ObjectKey.random()
    patient.put(key, b"first")

    with pytest.raises(ObjectTaken) as caught:
        patient.put(key, b"other")

    assert str(key) in caught.value.message
    assert patient.get(key) == b"first"


def test_a_long_object_goes_up_in_parts_and_a_fault_in_one_of_them_is_mended(
    patient: ObjectStore, proxy: FaultProxy
) -> None:
    key, data = ObjectKey.random(), bytes(range(256)) * (ONE_REQUEST_BYTES // 256 + 1)
    proxy.next(Pass(), Answer(503, "SlowDown"))

    patient.put(key, data)

    assert patient.get(key, slice(ONE_REQUEST_BYTES, ONE_REQUEST_BYTES + 256)) == data[-256:]
    assert proxy.count("PUT") >= 3


def test_a_segment_goes_up_by_one_request(bare: ObjectStore, proxy: FaultProxy) -> None:
    bare.put(ObjectKey.random(), bytes(24 * 1024 * 1024))

    assert [one.method for one in proxy.requests] == ["PUT"]


def test_parts_that_lie_together_are_read_by_one_request(bare: ObjectStore, proxy: FaultProxy) -> None:
    key = ObjectKey.random()
    bare.put(key, bytes(5_000_000))
    proxy.requests.clear()

    get_many(
        bare,
        [Wanted(key, n * 1_000, n * 1_000 + 500) for n in range(50)] + [Wanted(key, 4_000_000, 4_000_001)],
    )

    assert len(proxy.requests) == 2


def test_a_listing_goes_on_where_it_broke_off(patient: ObjectStore, proxy: FaultProxy) -> None:
    keys = [ObjectKey(f"segments/{n:04d}") for n in range(30)]
    for key in keys:
        patient.put(key, b"")
    proxy.next(Answer(500), Answer(503, "SlowDown"), Drop())

    assert list(patient.list()) == keys


def test_what_others_put_beside_the_objects_is_not_listed(bare: ObjectStore, url: str) -> None:
    bare.put(ObjectKey("segments/a"), b"")
    connect(parse(url)).store.put("README.md", b"not ours")
    connect(parse(url)).store.put("segments/Ünfug", b"not ours")

    assert list(bare.list()) == ["segments/a"]


def as_user(url: str, user: S3User, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in user.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(url)


def test_a_bucket_without_permission_is_refused_by_the_real_server(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ObjectKey.random()
    open_store(s3_url).put(key, b"x")
    reader = as_user(s3_url, READER, monkeypatch)
    nobody = as_user(s3_url, NOBODY, monkeypatch)

    assert reader.get(key) == b"x"
    for refused in (
        lambda: reader.put(ObjectKey.random(), b"x"),
        lambda: reader.delete(key),
        lambda: nobody.get(key),
        lambda: list(nobody.list()),
    ):
        with pytest.raises(StoreForbidden):
            refused()
    assert reader.exists(key)


def test_wrong_keys_are_refused_by_the_real_server(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = S3User("unknown", "no-such-key", "worthless-secret", ())
    guessed = S3User("guessed", OWNER.key, "worthless-secret", ())

    for user in (unknown, guessed):
        with pytest.raises(StoreCredentials) as caught:
            as_user(s3_url, user, monkeypatch).put(ObjectKey.random(), b"x")

        assert "worthless-secret" not in str(caught.value)


def test_a_missing_bucket_is_told_apart_from_a_missing_object(s3_server: S3Server, s3_keys: None) -> None:
    store = open_store(s3_server.url("no-such-bucket"))

    for call in (
        lambda: store.get(ObjectKey.random()),
        lambda: store.put(ObjectKey.random(), b"x"),
        lambda: list(store.list()),
    ):
        with pytest.raises(StoreNotFound) as caught:
            call()

        assert "no-such-bucket" in caught.value.message


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("http://127.0.0.1:1", "cannot be reached"),
        ("http://no-such-host.invalid", "no such host"),
    ],
)
def test_a_service_that_is_not_there_is_named(s3_keys: None, endpoint: str, says: str) -> None:
    store = CloudStore(parse(f"s3://bucket?endpoint={endpoint}&allow_http=true"))

    with pytest.raises(StorageUnavailable) as caught:
        store.get(ObjectKey.random())

    assert endpoint in caught.value.message
    assert says in caught.value.message


def test_a_service_without_https_is_not_trusted(s3_server: S3Server, s3_keys: None) -> None:
    store = CloudStore(parse(f"s3://bucket?endpoint=https://127.0.0.1:{s3_server.port}"))

    with pytest.raises(StorageUnavailable) as caught:
        store.get(ObjectKey.random())

    assert "https" in caught.value.hint
    assert not caught.value.is_transient


def test_without_credentials_the_error_says_where_they_are_looked_for(
    s3_url: str, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OWNER.environment:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", proxy.endpoint)  # where a machine of AWS finds its own
    proxy.always(Answer(404))

    with pytest.raises(StoreCredentials) as caught:
        CloudStore(parse(s3_url)).get(ObjectKey.random())

    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


def test_a_flipped_byte_on_the_way_is_not_the_stores_affair_but_the_length_is(
    bare: ObjectStore, proxy: FaultProxy
) -> None:
    key = ObjectKey.random()
    bare.put(key, b"0123456789")
    proxy.next(Flip(3))

    assert len(bare.get(key, slice(0, 10))) == 10
