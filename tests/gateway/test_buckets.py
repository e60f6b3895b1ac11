"""Which buckets there are, who may use them, and pages of what is in them."""

from typing import Any

import pytest

from headwater.gateway.buckets import parse_bucket
from headwater.gateway.errors import S3Refusal
from headwater.repos import PendingCommit, Trees
from tests.gateway.conftest import BUCKET, Refused, Site, client


@pytest.mark.parametrize(
    ("text", "repo", "what"),
    [
        ("main.reviews", "reviews", "main"),
        ("prod.models.iris", "models/iris", "prod"),
        ("v1.2.reviews", "reviews", "v1.2"),
        ("models.iris", "iris", "models"),
        ("7.models.iris", "models/iris", "7"),
        ("0f3a9c12.predictions.iris", "predictions/iris", "0f3a9c12"),
    ],
)
def test_a_bucket_is_read_from_its_end(text: str, repo: str, what: str) -> None:
    name = parse_bucket(text)

    assert (name.repo, name.what) == (repo, what)
    assert str(name) == text


@pytest.mark.parametrize("text", ["reviews", "", ".reviews", "main.", "a..b"])
def test_a_text_that_is_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(S3Refusal) as caught:
        parse_bucket(text)

    assert caught.value.code == "InvalidBucketName"


def test_the_branches_that_a_token_may_read_are_its_buckets(site: Site) -> None:
    site.workspace.create_repo("secrets")
    site.workspace.create_branch("reviews@dev")

    def names(*scopes: str) -> list[str]:
        return [one["Name"] for one in site.client(site.token(*scopes)).list_buckets()["Buckets"]]

    assert names("repo:*:read") == ["dev.reviews", "main.reviews", "main.secrets"]
    assert names("repo:reviews:read") == ["dev.reviews", "main.reviews"]
    assert names("repo:secrets:write") == ["main.secrets"]
    assert names("admin") == names("repo:*:read")
    assert names("predict:*") == [] if site.token("predict:*").access_key else True


def test_a_token_opens_what_its_scopes_say(site: Site, s3: Any, refused: Refused) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    site.workspace.create_repo("secrets")
    reader, other = (
        site.client(site.token("repo:reviews:read")),
        site.client(site.token("repo:secrets:write")),
    )
    a = {"Bucket": BUCKET, "Key": "a"}

    assert reader.get_object(**a)["Body"].read() == b"x"
    denied = (403, "AccessDenied")
    assert refused(reader.put_object, **a, Body=b"y") == denied
    assert refused(reader.delete_object, **a) == denied
    assert refused(reader.create_multipart_upload, **a) == denied
    assert refused(other.get_object, **a) == denied
    assert refused(other.list_objects_v2, Bucket=BUCKET) == denied
    source = {"Bucket": BUCKET, "Key": "a"}
    assert refused(other.copy_object, Bucket="main.secrets", Key="a", CopySource=source) == denied


def test_a_wrong_secret_and_an_unknown_key_are_refused(site: Site, refused: Refused) -> None:
    import msgspec

    token = site.token()
    wrong = msgspec.structs.replace(token, secret_key="x" * 40)
    unknown = msgspec.structs.replace(token, access_key="0" * 32)

    assert refused(client(site.url, wrong).list_buckets) == (403, "SignatureDoesNotMatch")
    assert refused(client(site.url, unknown).list_buckets) == (403, "InvalidAccessKeyId")


def test_a_revoked_token_is_refused(site: Site, refused: Refused) -> None:
    token = site.token()
    s3 = site.client(token)
    s3.list_buckets()

    site.workspace.tokens.revoke(token.id)

    assert refused(s3.list_buckets) == (403, "InvalidAccessKeyId")


def test_tags_and_commits_are_buckets_that_cannot_be_written(site: Site, s3: Any, refused: Refused) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"old")
    commit = site.workspace.create_tag("reviews@v1.0", at="main").commit
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"new")
    assert commit is not None

    for bucket in ("v1.0.reviews", f"{commit}.reviews", f"{commit[:8]}.reviews"):
        assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"old"
        s3.head_bucket(Bucket=bucket)
        assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"x") == (405, "MethodNotAllowed")
        assert refused(s3.delete_object, Bucket=bucket, Key="a") == (405, "MethodNotAllowed")
        source = {"Bucket": bucket, "Key": "a"}
        s3.copy_object(Bucket=BUCKET, Key="restored", CopySource=source)
        assert s3.get_object(Bucket=BUCKET, Key="restored")["Body"].read() == b"old"


def test_protected_repos_are_read_only(site: Site, s3: Any, refused: Refused) -> None:
    parts = site.workspace._parts  # noqa: SLF001 - only the floors below write such repos
    with parts.catalog.write() as conn:
        parts.repos.ensure(conn, "models/iris")
        trees = Trees(parts.storage.tree(None))
        parts.repos.publish(conn, PendingCommit("models/iris", "prod", trees, parent=None))

    assert s3.list_objects_v2(Bucket="prod.models.iris")["KeyCount"] == 0
    made = refused(s3.put_object, Bucket="prod.models.iris", Key="a", Body=b"x")
    assert made == (405, "MethodNotAllowed")
    assert refused(s3.create_bucket, Bucket="dev.models.iris", **EU)[1] in (
        "AccessDenied",
        "MethodNotAllowed",
    )


EU = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}


def test_a_new_bucket_is_an_empty_branch_and_its_repo_where_there_is_none(
    site: Site, s3: Any, refused: Refused
) -> None:
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"x")

    s3.create_bucket(Bucket="dev.reviews", **EU)
    s3.create_bucket(Bucket="main.prices", **EU)
    s3.create_bucket(Bucket="dev.wages", **EU)

    assert s3.list_objects_v2(Bucket="dev.reviews")["KeyCount"] == 0
    assert [branch.name for branch in site.workspace.repo("wages").branches()] == ["dev", "main"]
    assert refused(s3.create_bucket, Bucket="main.prices", **EU) == (409, "BucketAlreadyOwnedByYou")
    assert refused(s3.create_bucket, Bucket="main.Prices", **EU) == (400, "InvalidBucketName")
    assert refused(s3.create_bucket, Bucket="prices", **EU) == (400, "InvalidBucketName")


def test_what_does_not_exist_is_named_by_its_code(s3: Any, refused: Refused) -> None:
    assert refused(s3.list_objects_v2, Bucket="main.absent") == (404, "NoSuchBucket")
    assert refused(s3.list_objects_v2, Bucket="absent.reviews") == (404, "NoSuchBucket")
    assert refused(s3.get_object, Bucket=BUCKET, Key="absent") == (404, "NoSuchKey")
    assert refused(s3.head_object, Bucket=BUCKET, Key="absent")[0] == 404
    assert refused(s3.head_bucket, Bucket="absent.reviews")[0] == 404
    assert refused(s3.delete_bucket, Bucket=BUCKET) == (405, "MethodNotAllowed")


def test_a_bucket_says_where_it_is_and_that_it_has_no_versions(s3: Any) -> None:
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=BUCKET)


@pytest.fixture
def many(site: Site) -> Site:
    """A branch with 2,500 files in 50 folders, and some beside them."""
    with site.workspace.repo("reviews").commit() as commit:
        for number in range(2_500):
            commit.put(f"/{number % 50:02d}/{number:04d} é+.txt", b"x")
        commit.put("/top.txt", b"y")
    return site


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_pages_follow_each_other_to_the_end(many: Site, operation: str) -> None:
    pages = list(many.client().get_paginator(operation).paginate(Bucket=BUCKET))

    assert [len(page["Contents"]) for page in pages] == [1000, 1000, 501]
    keys = [one["Key"] for page in pages for one in page["Contents"]]
    assert keys == sorted(keys, key=str.encode)
    assert len(set(keys)) == 2_501


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_folders_are_folded_over_pages(many: Site, operation: str) -> None:
    pages = list(
        many.client()
        .get_paginator(operation)
        .paginate(Bucket=BUCKET, Delimiter="/", PaginationConfig={"PageSize": 7})
    )

    folders = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
    assert folders == [f"{number:02d}/" for number in range(50)]
    assert [one["Key"] for page in pages for one in page.get("Contents", [])] == ["top.txt"]
    assert len(pages) == 8


def test_later_pages_show_the_commit_that_the_first_did(many: Site) -> None:
    s3 = many.client()
    first = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=2)
    with many.workspace.repo("reviews").commit() as commit:
        commit.delete("/")
        commit.put("/new.txt", b"x")

    second = s3.list_objects_v2(Bucket=BUCKET, MaxKeys=2, ContinuationToken=first["NextContinuationToken"])

    assert len(second["Contents"]) == 2
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["new.txt"]


def test_a_page_begins_where_it_is_asked_to(many: Site, refused: Refused) -> None:
    s3 = many.client()

    assert s3.list_objects_v2(Bucket=BUCKET, StartAfter="49/2499 é+.txt")["Contents"][0]["Key"] == "top.txt"
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="07/", MaxKeys=3)["KeyCount"] == 3
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="absent/")["KeyCount"] == 0
    assert s3.list_objects_v2(Bucket=BUCKET, MaxKeys=0)["KeyCount"] == 0
    bad = refused(s3.list_objects_v2, Bucket=BUCKET, ContinuationToken="%%%")
    assert bad == (400, "InvalidArgument")
