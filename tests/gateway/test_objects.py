"""Objects through boto3, as its users write them."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest

from headwater.gateway.objects import span_of
from tests.gateway.conftest import BUCKET, Refused, Site

ODD_KEYS = [
    "with space",
    "plus+and%25",
    "ünïcödé/日本語.txt",
    "a&b=c?d#e",
    "q'uote\"s",
    "<tag>",
    "~tilde-._",
    "a\\b",
]


def keys_of(s3: Any, **options: Any) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, **options).get("Contents", [])]


def test_what_was_put_is_read_and_is_a_commit(site: Site, s3: Any) -> None:
    made = s3.put_object(Bucket=BUCKET, Key="2026/1.txt", Body=b"A fine film.")

    got = s3.get_object(Bucket=BUCKET, Key="2026/1.txt")

    assert got["Body"].read() == b"A fine film."
    assert got["ETag"] == made["ETag"] == s3.head_object(Bucket=BUCKET, Key="2026/1.txt")["ETag"]
    assert (got["ContentLength"], got["ContentType"]) == (12, "text/plain")
    commit = site.workspace.log("reviews@main").items[0]
    assert made["ResponseMetadata"]["HTTPHeaders"]["x-headwater-commit"] == commit.id
    assert commit.message == "PUT 2026/1.txt"


def test_the_same_content_has_the_same_etag_however_it_was_sent(s3: Any) -> None:
    data = os.urandom(6 << 20)
    whole = s3.put_object(Bucket=BUCKET, Key="whole", Body=data)["ETag"]

    s3.upload_fileobj(io.BytesIO(data), BUCKET, "parts", Config=_parts_of(5 << 20))
    copied = s3.copy_object(Bucket=BUCKET, Key="copied", CopySource={"Bucket": BUCKET, "Key": "parts"})

    assert s3.head_object(Bucket=BUCKET, Key="parts")["ETag"] == whole
    assert copied["CopyObjectResult"]["ETag"] == whole


@pytest.mark.parametrize("key", ODD_KEYS)
def test_a_key_may_have_any_signs(s3: Any, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": key})

    assert keys_of(s3) == sorted([key, "copy"], key=str.encode)
    assert keys_of(s3, Prefix=key) == [key]
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"x"
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert keys_of(s3) == ["copy"]


@pytest.mark.parametrize(
    "key", ["a//b", "../a", "a/../b", "a/./b", "/a", "nul\0", "e\u0301", "x" * 300, "a/" + "y" * 256]
)
def test_a_key_that_is_no_path_is_refused(s3: Any, refused: Refused, key: str) -> None:
    assert refused(s3.put_object, Bucket=BUCKET, Key=key, Body=b"x") == (400, "InvalidArgument")
    assert keys_of(s3) == []


def test_a_key_that_is_too_long_is_refused(s3: Any, refused: Refused) -> None:
    key = "/".join(["x" * 200] * 6)

    assert refused(s3.put_object, Bucket=BUCKET, Key=key, Body=b"x") == (400, "KeyTooLongError")


def test_a_file_cannot_be_a_folder_too(s3: Any, refused: Refused) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")

    assert refused(s3.put_object, Bucket=BUCKET, Key="a/b", Body=b"x") == (400, "InvalidArgument")
    assert keys_of(s3) == ["a"]


@pytest.mark.parametrize(
    ("range", "expected"),
    [
        ("bytes=0-0", b"0"),
        ("bytes=3-5", b"345"),
        ("bytes=7-", b"789"),
        ("bytes=-2", b"89"),
        ("bytes=-99", b"0123456789"),
    ],
)
def test_a_range_is_read(s3: Any, range: str, expected: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key="digits", Body=b"0123456789")

    got = s3.get_object(Bucket=BUCKET, Key="digits", Range=range)

    assert got["Body"].read() == expected
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"].endswith("/10")


def test_a_range_behind_the_end_is_refused_and_one_that_makes_no_sense_ignored(
    s3: Any, refused: Refused
) -> None:
    s3.put_object(Bucket=BUCKET, Key="digits", Body=b"0123456789")

    assert refused(s3.get_object, Bucket=BUCKET, Key="digits", Range="bytes=10-") == (416, "InvalidRange")
    assert s3.get_object(Bucket=BUCKET, Key="digits", Range="bytes=5-2")["ContentLength"] == 10
    assert s3.get_object(Bucket=BUCKET, Key="digits", Range="lines=1-2")["ContentLength"] == 10
    assert span_of("2", "", 10) == (2, 10, 206)


def test_conditions_of_a_read_are_kept(s3: Any, refused: Refused) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=BUCKET, Key="a")["LastModified"]
    a = {"Bucket": BUCKET, "Key": "a"}

    assert s3.get_object(**a, IfMatch=etag)["ContentLength"] == 1
    assert refused(s3.get_object, **a, IfMatch='"other"') == (412, "PreconditionFailed")
    assert refused(s3.get_object, **a, IfNoneMatch=etag)[0] == 304
    assert refused(s3.get_object, **a, IfModifiedSince=modified)[0] == 304
    assert s3.get_object(**a, IfUnmodifiedSince=modified)["ContentLength"] == 1


def test_conditions_of_a_write_are_kept(s3: Any, refused: Refused) -> None:
    a = {"Bucket": BUCKET, "Key": "a"}
    etag = s3.put_object(**a, Body=b"1", IfNoneMatch="*")["ETag"]

    assert refused(s3.put_object, **a, Body=b"2", IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(s3.put_object, **a, Body=b"2", IfMatch='"other"') == (412, "PreconditionFailed")
    assert refused(s3.put_object, Bucket=BUCKET, Key="b", Body=b"2", IfMatch=etag) == (404, "NoSuchKey")
    s3.put_object(**a, Body=b"2", IfMatch=etag)
    assert s3.get_object(**a)["Body"].read() == b"2"


def test_what_the_answer_says_of_itself_can_be_asked_for(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="a.csv", Body=b"x")

    got = s3.get_object(
        Bucket=BUCKET, Key="a.csv", ResponseContentType="text/plain", ResponseCacheControl="no-store"
    )

    assert (got["ContentType"], got["CacheControl"]) == ("text/plain", "no-store")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_verified_and_given_back(s3: Any, algorithm: str) -> None:
    made = s3.put_object(Bucket=BUCKET, Key="a", Body=b"hello", ChecksumAlgorithm=algorithm)

    assert made[f"Checksum{algorithm}"]


def test_a_body_that_is_not_what_its_md5_says_is_not_kept(s3: Any, refused: Refused) -> None:
    code = refused(
        s3.put_object, Bucket=BUCKET, Key="a", Body=b"hello", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg=="
    )

    assert code == (400, "BadDigest")
    assert keys_of(s3) == []


def test_a_copy_between_repos_copies_no_bytes(site: Site, s3: Any) -> None:
    site.workspace.create_repo("archive")
    data = os.urandom(3 << 20)
    s3.put_object(Bucket=BUCKET, Key="big", Body=data)
    stored = site.workspace.info().stored

    s3.copy_object(Bucket="main.archive", Key="2026/big", CopySource={"Bucket": BUCKET, "Key": "big"})

    assert s3.get_object(Bucket="main.archive", Key="2026/big")["Body"].read() == data
    assert site.workspace.info().stored - stored < 10_000


def test_several_objects_go_in_one_commit(site: Site, s3: Any) -> None:
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"{number}", Body=b"x")
    before = site.commits()

    gone = s3.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in ("0", "1", "3", "absent", "a//b")]}
    )

    assert keys_of(s3) == ["2", "4"]
    assert [one["Key"] for one in gone["Deleted"]] == ["0", "1", "3", "absent"]
    assert [(one["Key"], one["Code"]) for one in gone["Errors"]] == [("a//b", "InvalidArgument")]
    assert site.commits() == before + 1


def test_deleting_what_is_not_there_does_nothing_and_never_takes_a_folder(site: Site, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="folder/file", Body=b"x")
    before = site.commits()

    s3.delete_object(Bucket=BUCKET, Key="absent")
    s3.delete_object(Bucket=BUCKET, Key="folder")

    assert keys_of(s3) == ["folder/file"]
    assert site.commits() == before


def test_the_mark_of_a_folder_is_accepted_and_not_kept(site: Site, s3: Any, refused: Refused) -> None:
    s3.put_object(Bucket=BUCKET, Key="folder/", Body=b"")

    assert keys_of(s3) == []
    assert site.commits() == 0
    assert refused(s3.put_object, Bucket=BUCKET, Key="folder/", Body=b"x") == (400, "InvalidArgument")


def test_a_large_object_streams_in_and_out(s3: Any, tmp_path: Path) -> None:
    data = os.urandom(9 << 20)
    (tmp_path / "big").write_bytes(data)

    with (tmp_path / "big").open("rb") as file:
        s3.put_object(Bucket=BUCKET, Key="big", Body=file)
    s3.download_file(BUCKET, "big", str(tmp_path / "back"))

    assert hashlib.sha256((tmp_path / "back").read_bytes()).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("put_object_tagging", {"Key": "a", "Tagging": {"TagSet": []}}),
        ("get_object_acl", {"Key": "a"}),
        ("put_object", {"Key": "a", "Body": b"", "ACL": "public-read"}),
        ("put_object", {"Key": "a", "Body": b"", "ServerSideEncryption": "AES256"}),
        ("get_bucket_policy", {}),
        ("list_object_versions", {}),
    ],
)
def test_what_is_not_served_is_said_so(
    s3: Any, refused: Refused, operation: str, options: dict[str, Any]
) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"kept")

    assert refused(getattr(s3, operation), Bucket=BUCKET, **options) == (501, "NotImplemented")
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"kept"


def _parts_of(size: int) -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=size, multipart_chunksize=size)
