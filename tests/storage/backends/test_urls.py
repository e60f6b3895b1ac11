"""What the URL of a remote store may say, and what it must not."""

import pytest

from headwater.storage import UnknownStore, open_store
from headwater.storage.backends.urls import parse
from headwater.storage.errors import InvalidStoreUrl


@pytest.mark.parametrize(
    ("url", "one_form"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket?region=eu-west-1&retry_s=5", "s3://bucket?region=eu-west-1&retry_s=5"),
        (
            "s3://bucket/p?endpoint=http://127.0.0.1:9000/&region=us-east-1&allow_http=1",
            "s3://bucket/p?allow_http=true&endpoint=http://127.0.0.1:9000&region=us-east-1",
        ),
        ("gs://my-bucket/team_a", "gs://my-bucket/team_a"),
        ("az://container/x?account=photos", "az://container/x?account=photos"),
    ],
)
def test_a_url_has_one_form_and_opens_again_by_it(url: str, one_form: str) -> None:
    parsed = parse(url)

    assert str(parsed) == one_form
    assert parse(one_form) == parsed


def test_the_url_of_an_open_store_opens_it_in_another_process(s3_url: str) -> None:
    assert open_store(open_store(s3_url).url).url == open_store(s3_url).url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://", "bucket is missing"),
        ("s3:///prefix", "bucket is missing"),
        ("s3://a", "no name of a bucket"),
        ("s3://bucket/a//b", "prefix"),
        ("s3://bucket/../b", "prefix"),
        ("s3://bucket/a%20b", "prefix"),
        ("s3://bucket?regoin=x", "region"),
        ("s3://bucket?region=", "region cannot be"),
        ("s3://bucket?region=a&region=b", "twice"),
        ("s3://bucket?allow_http=maybe", "allow_http"),
        ("s3://bucket?timeout_s=0", "timeout_s"),
        ("s3://bucket?timeout_s=soon", "timeout_s"),
        ("s3://bucket?endpoint=localhost:9000", "https://host:port"),
        ("s3://bucket?endpoint=http://localhost:9000", "allow_http=true"),
        ("gs://bucket?region=x", "no option 'region'"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(InvalidStoreUrl) as caught:
        open_store(url)

    assert says in caught.value.message


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidStoreUrl) as caught:
        open_store("s3://b!/a//b?nonsense=1&timeout_s=-1")

    assert len(caught.value.details) == 4


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA123:hunter2@bucket/x",
        "s3://bucket?secret_access_key=hunter2",
        "s3://bucket?access_key_id=hunter2",
        "s3://bucket?session_token=hunter2",
        "s3://bucket?endpoint=https://user:hunter2@host",
        "az://container?sas_token=hunter2",
        "az://container?sig=hunter2",
        "gs://bucket?service_account_key=hunter2",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidStoreUrl) as caught:
        open_store(url)

    assert "hunter2" not in str(caught.value)
    assert "environment" in caught.value.hint


@pytest.mark.parametrize("url", ["s3:bucket", "s3:/bucket", "S4://bucket", "gcs://bucket", "abfs://x"])
def test_a_scheme_that_is_not_known_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore):
        open_store(url)


def test_an_azure_container_needs_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)

    with pytest.raises(InvalidStoreUrl) as caught:
        open_store("az://container/x")

    assert "AZURE_STORAGE_ACCOUNT_KEY" in caught.value.hint
