"""The examples of AWS's own documentation, byte for byte."""

import pytest

from headwater.gateway.errors import S3Refusal
from headwater.gateway.messages import S3Request
from headwater.gateway.payload import Payload
from headwater.gateway.signature import check_signature, check_time, read_signature

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CREDENTIAL = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
NOON_MS = 1_369_353_600_000  # 2013-05-24T00:00:00Z


class Bytes:
    """A body that comes in pieces of so many bytes."""

    def __init__(self, data: bytes, piece: int = 1000) -> None:
        self.data, self.piece = data, piece

    def read(self, size: int) -> bytes:
        size = min(size, self.piece)
        found, self.data = self.data[:size], self.data[size:]
        return found


def request(
    method: str,
    path: str,
    headers: dict[str, str],
    query: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> S3Request:
    return S3Request(method, path, query, headers, Bytes(body))


def authorization(names: str, signature: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={CREDENTIAL},SignedHeaders={names},Signature={signature}"


@pytest.fixture
def example() -> S3Request:
    return request(
        "GET",
        "/test.txt",
        {
            "host": "examplebucket.s3.amazonaws.com",
            "range": "bytes=0-9",
            "x-amz-content-sha256": EMPTY,
            "x-amz-date": "20130524T000000Z",
            "authorization": authorization(
                "host;range;x-amz-content-sha256;x-amz-date",
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
        },
    )


def presigned(expires: str = "86400") -> S3Request:
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": CREDENTIAL,
        "X-Amz-Date": "20130524T000000Z",
        "X-Amz-Expires": expires,
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    }
    return request("GET", "/test.txt", {"host": "examplebucket.s3.amazonaws.com"}, tuple(query.items()))


def streamed(*signatures: str) -> S3Request:
    seed, *chunks = signatures
    pieces = [b"a" * 65536, b"a" * 1024, b""]
    body = b"".join(
        b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), signature.encode(), piece)
        for piece, signature in zip(pieces, chunks, strict=True)
    )
    names = (
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class"
    )
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "content-length": "66824",
        "authorization": authorization(names, seed),
    }
    return request("PUT", "/examplebucket/chunkObject.txt", headers, body=body)


CHUNKS = (
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)


def with_trailer(checksum: str = "sOO8/Q==") -> S3Request:
    signatures = (
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    )
    pieces = [b"a" * 65536 + b"\r\n", b"a" * 1024 + b"\r\n", b""]
    body = b"".join(
        b"%x;chunk-signature=%s\r\n%s" % (max(len(piece) - 2, 0), signature.encode(), piece)
        for piece, signature in zip(pieces, signatures, strict=True)
    )
    trailer = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
    body += f"x-amz-checksum-crc32c:{checksum}\r\nx-amz-trailer-signature:{trailer}\r\n\r\n".encode()
    names = (
        "content-encoding;host;x-amz-content-sha256;x-amz-date;"
        "x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer"
    )
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
        "x-amz-trailer": "x-amz-checksum-crc32c",
        "content-length": str(len(body)),
        "authorization": authorization(
            names, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
        ),
    }
    return request("PUT", "/examplebucket/chunkObject.txt", headers, body=body)


def test_the_documented_header_is_accepted_and_another_secret_is_not(example: S3Request) -> None:
    signed = read_signature(example)

    check_signature(example, signed, SECRET)
    with pytest.raises(S3Refusal) as caught:
        check_signature(example, signed, SECRET + "x")

    assert caught.value.code == "SignatureDoesNotMatch"


def test_the_documented_presigned_url_is_accepted_until_it_expires() -> None:
    asked = presigned()
    signed = read_signature(asked)

    check_signature(asked, signed, SECRET)
    check_time(signed, NOON_MS + 86_400_000)
    with pytest.raises(S3Refusal) as caught:
        check_time(signed, NOON_MS + 86_401_000)

    assert (caught.value.code, caught.value.message) == ("AccessDenied", "Request has expired")


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "ten", ""])
def test_a_presigned_url_is_good_for_a_second_to_a_week(expires: str) -> None:
    with pytest.raises(S3Refusal) as caught:
        read_signature(presigned(expires))

    assert caught.value.code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize("asked", [streamed(*CHUNKS), with_trailer()], ids=["chunks", "trailer"])
def test_the_documented_streams_are_read_whole(asked: S3Request) -> None:
    signed = read_signature(asked)
    key = check_signature(asked, signed, SECRET)

    payload = Payload(asked, signed, key)

    assert payload.read() == b"a" * 66560


def test_a_chunk_with_a_wrong_signature_is_refused_before_the_end() -> None:
    asked = streamed(*CHUNKS[:2], CHUNKS[1], CHUNKS[3])
    signed = read_signature(asked)

    with pytest.raises(S3Refusal) as caught:
        Payload(asked, signed, check_signature(asked, signed, SECRET)).read()

    assert caught.value.code == "SignatureDoesNotMatch"


def test_a_trailer_that_was_altered_is_refused() -> None:
    asked = with_trailer("sOO8/A==")
    signed = read_signature(asked)

    with pytest.raises(S3Refusal) as caught:
        Payload(asked, signed, check_signature(asked, signed, SECRET)).read()

    assert caught.value.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("shift_s", [-901, 901])
def test_a_request_from_another_time_is_refused(example: S3Request, shift_s: int) -> None:
    with pytest.raises(S3Refusal) as caught:
        check_time(read_signature(example), NOON_MS + shift_s * 1000)

    assert caught.value.code == "RequestTimeTooSkewed"


def test_a_header_that_was_added_on_the_way_is_refused(example: S3Request) -> None:
    headers = {**example.headers, "x-amz-copy-source": "/main.secrets/key"}

    with pytest.raises(S3Refusal) as caught:
        read_signature(S3Request("GET", "/test.txt", (), headers, example.body))

    assert caught.value.code == "AccessDenied"
    assert "x-amz-copy-source" in caught.value.message


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("AWS AKIA:abc=", "InvalidRequest"),
        ("AWS4-HMAC-SHA256 Credential=a/b", "AuthorizationHeaderMalformed"),
        (
            authorization("host;x-amz-content-sha256;x-amz-date", "0").replace("/s3/", "/ec2/"),
            "AuthorizationHeaderMalformed",
        ),
        ("", "InvalidRequest"),
    ],
)
def test_another_kind_of_signature_is_refused(example: S3Request, header: str, code: str) -> None:
    headers = {**example.headers, "authorization": header}

    with pytest.raises(S3Refusal) as caught:
        read_signature(S3Request("GET", "/test.txt", (), headers, example.body))

    assert caught.value.code == code


def test_a_request_without_signature_is_refused() -> None:
    with pytest.raises(S3Refusal) as caught:
        read_signature(request("GET", "/", {"host": "localhost"}))

    assert caught.value.code == "AccessDenied"
