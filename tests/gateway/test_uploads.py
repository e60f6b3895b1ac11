"""Multipart uploads."""

import os
from pathlib import Path
from typing import Any

import pytest

from headwater.workspace import Workspace
from tests.gateway.conftest import BUCKET, Refused, Site, client

KEY = {"Bucket": BUCKET, "Key": "big"}
FIVE = 5 << 20


def begin(s3: Any) -> dict[str, str]:
    return {**KEY, "UploadId": s3.create_multipart_upload(**KEY)["UploadId"]}


def send(s3: Any, upload: dict[str, str], number: int, data: bytes) -> dict[str, Any]:
    return {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=data)["ETag"]}


def end(s3: Any, upload: dict[str, str], *parts: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": list(parts)})
    return answer


def read(s3: Any) -> bytes:
    data: bytes = s3.get_object(**KEY)["Body"].read()
    return data


def test_parts_in_any_order_become_one_object_and_one_commit(site: Site, s3: Any) -> None:
    first, second, last = os.urandom(FIVE), os.urandom(FIVE + 1), b"end"
    upload = begin(s3)

    three = send(s3, upload, 3, last)
    one = send(s3, upload, 1, first)
    send(s3, upload, 2, b"replaced")
    two = send(s3, upload, 2, second)
    assert site.commits() == 0
    done = end(s3, upload, one, two, three)

    assert read(s3) == first + second + last
    assert done["ETag"] == s3.head_object(**KEY)["ETag"]
    assert site.commits() == 1


def test_only_the_parts_that_are_named_are_taken(s3: Any) -> None:
    upload = begin(s3)
    send(s3, upload, 1, os.urandom(FIVE))
    two = send(s3, upload, 7, b"two")

    end(s3, upload, two)

    assert read(s3) == b"two"


def test_an_upload_is_completed_twice_with_the_same_answer(site: Site, s3: Any) -> None:
    upload = begin(s3)
    part = send(s3, upload, 1, b"x")

    first, again = end(s3, upload, part), end(s3, upload, part)

    assert first["ETag"] == again["ETag"]
    assert site.commits() == 1


def test_parts_survive_the_gateway(tmp_path: Path) -> None:
    with Workspace.create(str(tmp_path / "work")) as workspace:
        workspace.create_repo("reviews")
        token = workspace.tokens.create("a test", ["repo:reviews:write"])
        with workspace.gateway_in_background() as gateway:
            s3 = client(gateway.info.url, token)
            upload = begin(s3)
            one = send(s3, upload, 1, b"1" * FIVE)

    with Workspace.open(str(tmp_path / "work")) as workspace, workspace.gateway_in_background() as gateway:
        s3 = client(gateway.info.url, token)
        two = send(s3, upload, 2, b"2")
        listed = s3.list_parts(**upload)["Parts"]
        end(s3, upload, one, two)

        assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, FIVE), (2, 1)]
        assert read(s3) == b"1" * FIVE + b"2"


def test_a_part_may_be_copied_from_an_object(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="source", Body=b"0123456789" * 600_000)
    upload = begin(s3)
    source = {"Bucket": BUCKET, "Key": "source"}

    whole = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    some = s3.upload_part_copy(**upload, PartNumber=2, CopySource=source, CopySourceRange="bytes=3-6")
    parts = [{"PartNumber": 1, "ETag": whole}, {"PartNumber": 2, "ETag": some["CopyPartResult"]["ETag"]}]
    end(s3, upload, *parts)

    assert read(s3) == b"0123456789" * 600_000 + b"3456"


def test_an_upload_given_up_leaves_nothing(site: Site, s3: Any, refused: Refused) -> None:
    upload = begin(s3)
    part = send(s3, upload, 1, b"x")

    s3.abort_multipart_upload(**upload)

    gone = (404, "NoSuchUpload")
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"x") == gone
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": [part]}) == gone
    assert refused(s3.abort_multipart_upload, **upload) == gone
    assert refused(s3.list_parts, **upload) == gone
    parts = site.workspace._parts  # noqa: SLF001
    from headwater.gateway import UploadRoots

    with parts.catalog.read() as conn:
        assert list(UploadRoots().roots(conn)) == []


def test_uploads_under_way_are_listed_and_pages_follow(s3: Any) -> None:
    ids = {s3.create_multipart_upload(Bucket=BUCKET, Key=f"k{number % 3}")["UploadId"] for number in range(7)}

    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=BUCKET, PaginationConfig={"PageSize": 2}
    )
    found = [one["UploadId"] for page in pages for one in page.get("Uploads", [])]

    assert sorted(found) == sorted(ids)
    assert len(s3.list_multipart_uploads(Bucket=BUCKET, Prefix="k1")["Uploads"]) == 2


def test_parts_that_do_not_fit_together_are_refused(s3: Any, refused: Refused) -> None:
    upload = begin(s3)
    one, two = send(s3, upload, 1, b"small"), send(s3, upload, 2, b"x")

    def code(*parts: dict[str, Any]) -> str:
        return refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": list(parts)})[1]

    assert code(one, two) == "EntityTooSmall"
    assert code(two, one) == "InvalidPartOrder"
    assert code(one, one) == "InvalidPartOrder"
    assert code({**one, "ETag": '"other"'}) == "InvalidPart"
    assert code({"PartNumber": 3, "ETag": one["ETag"]}) == "InvalidPart"
    assert code() == "MalformedXML"
    assert refused(s3.upload_part, **upload, PartNumber=10_001, Body=b"") == (400, "InvalidArgument")
    assert end(s3, upload, one)["ETag"]


def test_only_who_finds_no_object_completes_where_that_is_asked(s3: Any, refused: Refused) -> None:
    s3.put_object(**KEY, Body=b"here")
    upload = begin(s3)
    parts = {"Parts": [send(s3, upload, 1, b"x")]}

    code = refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts, IfNoneMatch="*")

    assert code == (412, "PreconditionFailed")
    assert read(s3) == b"here"
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert read(s3) == b"x"


@pytest.mark.parametrize("size", [17 << 20])
def test_files_go_up_and_down_in_parts_by_themselves(s3: Any, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "up").write_bytes(data)

    s3.upload_file(str(tmp_path / "up"), BUCKET, "big")
    s3.download_file(BUCKET, "big", str(tmp_path / "down"))

    assert (tmp_path / "down").read_bytes() == data


def test_a_sweep_keeps_the_parts_of_uploads_under_way_and_frees_those_of_others(site: Site, s3: Any) -> None:
    parts = site.workspace._parts  # noqa: SLF001 - the sweep that `headwater gc` runs
    kept, dropped = begin(s3), {**begin(s3)}
    part = send(s3, kept, 1, b"1" * FIVE)
    rest = send(s3, kept, 2, b"2")
    send(s3, dropped, 1, os.urandom(FIVE))
    s3.abort_multipart_upload(**dropped)
    before = site.workspace.info().stored

    parts.storage.sweep(parts.root_sources)
    freed = before - site.workspace.info().stored
    end(s3, kept, part, rest)
    parts.storage.sweep(parts.root_sources)

    assert freed >= FIVE
    assert read(s3) == b"1" * FIVE + b"2"
    assert list(parts.storage.check(parts.root_sources)) == []
