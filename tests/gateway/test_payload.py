import hashlib
import sys
import zlib
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.gateway.checksums import ALGORITHMS
from headwater.gateway.errors import S3Refusal
from headwater.gateway.messages import S3Request
from headwater.gateway.payload import Payload
from headwater.gateway.signature import UNSIGNED, Signed
from tests.gateway.test_signature import Bytes

STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def payload(body: bytes, how: str = UNSIGNED, *, piece: int = 1000, **headers: str) -> Payload:
    signed = Signed("key", "t", "d", "r", "s3", ("host",), "0", how)
    given = {
        "content-length": str(len(body)),
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return Payload(S3Request("PUT", "/b/k", (), given, Bytes(body, piece)), signed, b"key")


def code_of(body: bytes, how: str = UNSIGNED, **headers: Any) -> str:
    with pytest.raises(S3Refusal) as caught:
        payload(body, how, **headers).read()
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "check"),
    [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
)
@pytest.mark.parametrize("is_native", [True, False], ids=["native", "without awscrt"])
def test_checksums_have_their_published_check_values(
    name: str, check: str, is_native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_native:
        monkeypatch.setitem(sys.modules, "awscrt", None)
    running = ALGORITHMS[name]()

    for byte in b"123456789":
        running.update(bytes([byte]))

    assert running.digest().hex() == check


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=300), max_size=6),
    piece=st.integers(min_value=1, max_value=400),
    size=st.integers(min_value=1, max_value=500),
)
def test_chunks_are_joined_however_they_come_and_are_read(chunks: list[bytes], piece: int, size: int) -> None:
    data = b"".join(chunks)
    crc = b64encode(zlib.crc32(data).to_bytes(4, "big"))
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    body += b"0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % crc
    reader = payload(
        body,
        STREAMED,
        piece=piece,
        x_amz_decoded_content_length=str(len(data)),
        x_amz_trailer="x-amz-checksum-crc32",
    )

    found = b""
    while len(found) < len(data) or not found:
        more = reader.read(size)
        if not more:
            break
        found += more

    assert found == data
    assert reader.checksums == {"x-amz-checksum-crc32": crc.decode()}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5\r\nhel",
        b"5\r\nhello",
        b"5\r\nhello!!\r\n0\r\n\r\n",
        b"g\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
        b"4\r\nhell\r\n0\r\n\r\n",
        b"5" * 40_000,
    ],
)
def test_chunks_that_are_not_what_the_headers_say_are_refused(body: bytes) -> None:
    assert code_of(body, STREAMED, x_amz_decoded_content_length="5") == "IncompleteBody"


def test_a_body_must_be_the_one_that_was_signed() -> None:
    assert payload(b"hello", hashlib.sha256(b"hello").hexdigest()).read() == b"hello"
    assert code_of(b"hellO", hashlib.sha256(b"hello").hexdigest()) == "XAmzContentSHA256Mismatch"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content_md5": "XUFAKrxLKna5cZ2REBfFkg=="}, None),
        ({"content_md5": "XUFAKrxLKna5cZ2REBfFkQ=="}, "BadDigest"),
        ({"content_md5": "short"}, "InvalidDigest"),
        ({"x_amz_checksum_crc32": "NhCmhg=="}, None),
        ({"x_amz_checksum_crc32": "NhCmhQ=="}, "BadDigest"),
        ({"x_amz_checksum_sha256": "no"}, "InvalidDigest"),
        ({"content_length": "6"}, "IncompleteBody"),
        ({"content_length": "4"}, "IncompleteBody"),
        ({"content_length": "five"}, "InvalidArgument"),
        ({"content_length": str(6 * 1024**3)}, "EntityTooLarge"),
        ({"x_amz_trailer": "x-amz-meta-late"}, "NotImplemented"),
    ],
)
def test_what_a_request_says_of_its_body_is_checked(headers: dict[str, Any], code: str | None) -> None:
    if code is None:
        assert payload(b"hello", **headers).read() == b"hello"
    else:
        assert code_of(b"hello", **headers) == code


def test_a_form_that_nobody_knows_is_refused() -> None:
    assert code_of(b"hello", "STREAMING-ELSE", x_amz_decoded_content_length="5") == "NotImplemented"
    assert code_of(b"hello", "HASH") == "InvalidArgument"
