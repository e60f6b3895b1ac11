"""Egress to a bucket of a real S3 server: the difference only, any name, parts, faults, no keys in errors."""

import importlib
import os
from typing import Any

import pytest

from headwater.errors import Unavailable
from headwater.pipelines.egress import Sent
from headwater.pipelines.egress.errors import EgressFailed
from tests.pipelines.egress.conftest import Sending
from tests.servers.fault_proxy import Answer, Drop, FaultProxy
from tests.servers.seaweed import OWNER, READER, REGION, S3Server


class Place:
    """A prefix of a bucket, and what another client finds there."""

    def __init__(self, server: S3Server) -> None:
        bucket, _, self.prefix = server.new_place().partition("/")
        self.bucket, self.url = bucket, server.url(bucket, self.prefix)
        self.client: Any = importlib.import_module("boto3").client(
            "s3",
            endpoint_url=server.endpoint,
            aws_access_key_id=OWNER.key,
            aws_secret_access_key=OWNER.secret,
            region_name=REGION,
        )

    def through(self, proxy: FaultProxy) -> str:
        return f"s3://{self.bucket}/{self.prefix}?endpoint={proxy.endpoint}&region={REGION}&allow_http=true"

    def objects(self) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.prefix}/").get("Contents", [])
        keys = [one["Key"] for one in listed]
        return {
            key.removeprefix(f"{self.prefix}/"): self.client.get_object(Bucket=self.bucket, Key=key)[
                "Body"
            ].read()
            for key in keys
        }


@pytest.fixture
def place(s3_server: S3Server, s3_keys: None) -> Place:
    return Place(s3_server)


def test_a_bucket_gets_the_files_and_then_the_difference_only(sending: Sending, place: Place) -> None:
    first = sending.send(sending.commit({"/a/1.txt": "one", "/a/2.txt": "two", "/b.txt": "bee"}), place.url)
    place.client.put_object(Bucket=place.bucket, Key=f"{place.prefix}/theirs", Body=b"theirs")

    then = sending.send(sending.commit({"/a/1.txt": "uno", "/a/2.txt": None, "/c": "new"}), place.url)

    assert first == Sent(put=3, size=9)
    assert then == Sent(put=2, removed=1, size=6)
    assert place.objects() == {"a/1.txt": b"uno", "b.txt": b"bee", "c": b"new", "theirs": b"theirs"}


def test_any_name_is_the_key_of_its_object(sending: Sending, place: Place) -> None:
    names = ["ä ö.txt", "100%25.txt", "a#b?c=d&e.txt", "q'\"*.txt", "b+c~d.txt", "[1]{2}^`|<>.txt"]

    sending.send(sending.commit({f"/{name}": name for name in names}), place.url)

    assert place.objects() == {name: name.encode() for name in names}


def test_a_name_can_be_removed_again(sending: Sending, place: Place) -> None:
    name = "ä %41 #?.txt"
    sending.send(sending.commit({f"/{name}": "x", "/k": "k"}), place.url)

    sending.send(sending.commit({f"/{name}": None}), place.url)

    assert place.objects() == {"k": b"k"}


def test_a_large_file_goes_in_parts(sending: Sending, place: Place) -> None:
    data = os.urandom(1 << 20) * 37

    sending.send(sending.commit({"/big": data, "/empty": b""}), place.url)

    assert place.objects() == {"big": data, "empty": b""}


def test_many_files_go_and_are_removed(sending: Sending, place: Place) -> None:
    sending.send(sending.commit({f"/d/{n}": str(n) for n in range(300)}), place.url)
    sending.send(sending.commit({f"/d/{n}": None for n in range(299)}), place.url)

    assert place.objects() == {"d/299": b"299"}


def test_faults_that_pass_are_waited_for(sending: Sending, place: Place, s3_server: S3Server) -> None:
    with FaultProxy(s3_server.port) as proxy:
        proxy.next(Answer(503, "SlowDown"), Drop(), Answer(500, "InternalError"))

        sending.send(sending.commit({"/a": "one"}), place.through(proxy))

    assert place.objects() == {"a": b"one"}


def test_a_server_that_is_gone_is_told_as_passing(
    sending: Sending, place: Place, s3_server: S3Server
) -> None:
    with FaultProxy(s3_server.port) as proxy:
        url = place.through(proxy)

    with pytest.raises(Unavailable, match="'a'"):
        sending.send(sending.commit({"/a": "one"}), f"{url}&retry_s=0.2")


def test_a_bucket_that_is_not_there_is_told_for_good(
    sending: Sending, s3_server: S3Server, s3_keys: None
) -> None:
    with pytest.raises(EgressFailed, match=r"no-such-bucket.*does not exist") as caught:
        sending.send(sending.commit({"/a": "one"}), s3_server.url("no-such-bucket", "x"))

    assert "'a'" in caught.value.message


def test_keys_that_may_not_write_are_told_for_good_and_never_shown(
    sending: Sending, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in READER.environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(EgressFailed) as caught:
        sending.send(sending.commit({"/a": "one"}), place.url)

    assert "does not allow it" in caught.value.message
    assert READER.secret not in str(caught.value)
    assert READER.key not in str(caught.value)


def test_a_send_that_failed_in_the_middle_is_completed(
    sending: Sending, place: Place, s3_server: S3Server
) -> None:
    commit = sending.commit({f"/{n}": str(n) for n in range(20)})
    with FaultProxy(s3_server.port) as proxy:
        proxy.next(*[Answer(403, "AccessDenied")] * 3)
        with pytest.raises(EgressFailed):
            sending.send(commit, place.through(proxy))

        sending.send(commit, place.through(proxy))

    assert place.objects() == {str(n): str(n).encode() for n in range(20)}
