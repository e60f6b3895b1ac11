"""The gateway over plain HTTP: presigned URLs, hosts that name buckets, and requests that nobody would send."""

import http.client
import socket
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from headwater.api.documents import TokenInfo
from tests.gateway.conftest import BUCKET, Site


def signed(
    token: TokenInfo, method: str, url: str, *, body: bytes = b"", headers: dict[str, str] | None = None
) -> dict[str, str]:
    """Returns the headers of a signed request, as botocore makes them."""
    asked = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    S3SigV4Auth(Credentials(token.access_key, token.secret_key), "s3", "us-east-1").add_auth(asked)
    return dict(asked.headers.items())


def test_a_presigned_url_reads_and_writes_without_keys(site: Site, s3: Any) -> None:
    a = {"Bucket": BUCKET, "Key": "a b/ü.txt"}
    put = s3.generate_presigned_url("put_object", Params=a, ExpiresIn=60)
    get = s3.generate_presigned_url(
        "get_object", Params={**a, "ResponseContentType": "text/html"}, ExpiresIn=60
    )

    assert httpx.put(put, content=b"hello").status_code == 200
    got = httpx.get(get)

    assert (got.status_code, got.content, got.headers["content-type"]) == (200, b"hello", "text/html")
    assert httpx.get(get.replace("text%2Fhtml", "text%2Fplain")).status_code == 403
    assert httpx.put(get, content=b"x").status_code == 403
    assert httpx.get(get.replace("a%20b", "c")).status_code == 403


def test_a_request_without_signature_is_denied_in_xml(site: Site) -> None:
    got = httpx.get(f"{site.url}/{BUCKET}")

    assert got.status_code == 403
    assert got.headers["content-type"] == "application/xml"
    assert "<Code>AccessDenied</Code>" in got.text
    assert f"<RequestId>{got.headers['x-amz-request-id']}</RequestId>" in got.text


@pytest.mark.parametrize(
    "host", [f"{BUCKET}.localhost", f"{BUCKET}.s3.localhost", f"{BUCKET}.localhost:1234"]
)
def test_a_host_may_name_the_bucket(site: Site, s3: Any, host: str) -> None:
    s3.put_object(Bucket=BUCKET, Key="a/b", Body=b"hello")
    headers = signed(site.token(), "GET", f"http://{host}/a/b")

    got = httpx.get(f"{site.url}/a/b", headers={**headers, "host": host})

    assert (got.status_code, got.content) == (200, b"hello")


def test_the_client_that_puts_buckets_into_hosts_is_served(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.config import Config

    token, port = site.token(), urlsplit(site.url).port
    known = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: known(
            "127.0.0.1" if str(host).endswith("localhost") else host, *rest, **more
        ),
    )
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://localhost:{port}",
        aws_access_key_id=token.access_key,
        aws_secret_access_key=token.secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "virtual"}),
    )

    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")

    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["a"]


def test_a_wrong_method_or_body_is_a_clear_error(site: Site) -> None:
    token = site.token()

    def ask(method: str, path: str, body: bytes = b"") -> str:
        url = f"{site.url}{path}"
        got = httpx.request(method, url, content=body, headers=signed(token, method, url, body=body))
        return got.text.partition("<Code>")[2].partition("</Code>")[0]

    assert ask("PATCH", f"/{BUCKET}/a") == "MethodNotAllowed"
    assert ask("PUT", "/") == "MethodNotAllowed"
    assert ask("POST", f"/{BUCKET}?delete", b"<Delete>") == "MalformedXML"
    assert ask("POST", f"/{BUCKET}?delete", b"<Other/>") == "MalformedXML"
    assert ask("POST", f"/{BUCKET}?delete", b'<!DOCTYPE a [<!ENTITY b "c">]><Delete/>') == "MalformedXML"
    assert ask("POST", f"/{BUCKET}?delete", b" " * (3 << 20)) == "MaxMessageLengthExceeded"
    assert ask("POST", f"/{BUCKET}/a") == "NotImplemented"
    assert ask("PUT", f"/{BUCKET}/a?uploadId=1&partNumber=x", b"x") == "InvalidArgument"


def test_a_client_that_leaves_in_the_middle_leaves_nothing(site: Site, s3: Any) -> None:
    token, place = site.token(), urlsplit(site.url)
    url = f"{site.url}/{BUCKET}/half"
    headers = signed(token, "PUT", url, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    connection = http.client.HTTPConnection("127.0.0.1", place.port or 80, timeout=10)
    connection.putrequest("PUT", f"/{BUCKET}/half", skip_host=True)
    for name, value in {**headers, "host": place.netloc, "content-length": str(8 << 20)}.items():
        if name.lower() != "content-length" or value != "0":
            connection.putheader(name, value)
    connection.endheaders(b"x" * (2 << 20))
    connection.close()

    s3.put_object(Bucket=BUCKET, Key="after", Body=b"x")

    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["after"]


def test_a_body_that_is_refused_unread_does_not_break_the_connection_for_others(site: Site) -> None:
    token = site.token("repo:reviews:read")
    url = f"{site.url}/{BUCKET}/a"
    body = b"x" * (4 << 20)
    with httpx.Client() as client:
        denied = client.put(url, content=body, headers=signed(token, "PUT", url, body=body))
        listed = client.get(f"{site.url}/", headers=signed(token, "GET", f"{site.url}/"))

    assert (denied.status_code, listed.status_code) == (403, 200)
