"""Files of web servers and buckets are listed and streamed; what breaks off is taken up again or told."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from headwater.errors import InvalidInput
from headwater.storage.backends.buckets import connect
from headwater.storage.backends.sources import PART_BYTES
from headwater.storage.backends.urls import parse
from headwater.storage.errors import RemoteNotFound, RemoteUnreadable, StorageUnavailable, StoreForbidden
from headwater.storage.remote import is_remote_source, list_remote, open_remote
from tests.servers.fault_proxy import Answer, Cut, Drop, FaultProxy, Pass
from tests.servers.seaweed import S3Server

BODY = bytes(range(256)) * 8_000


class Pages(BaseHTTPRequestHandler):
    """A web server with a file, that serves parts of it, and addresses that lead elsewhere."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/moved/"):
            self._head(302, {"Location": path.removeprefix("/moved"), "Content-Length": "0"})
        elif path == "/away":
            self._head(302, {"Location": "file:///etc/hostname", "Content-Length": "0"})
        elif path.startswith("/status/"):
            self._head(int(path.rpartition("/")[2]), {"Content-Length": "0"})
        elif path == "/endless.bin":
            self._head(200, {"Connection": "close"})
            self.wfile.write(BODY)
            self.close_connection = True
        elif path in {"/files/a%20b.bin", "/nameless.bin"}:
            self._file({} if path == "/nameless.bin" else {"ETag": '"one"'})
        else:
            self._head(404, {"Content-Length": "0"})

    def _file(self, headers: dict[str, str]) -> None:
        asked = self.headers.get("Range")
        if asked and self.headers.get("If-Range") == '"one"':
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self._head(206, headers | {"Content-Length": str(len(BODY) - start)})
            self.wfile.write(BODY[start:])
        else:
            self._head(200, headers | {"Content-Length": str(len(BODY))})
            self.wfile.write(BODY)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Quiet(ThreadingHTTPServer):
    """Says nothing of clients that leave early."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    with Quiet(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(0.02))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_web_file_is_named_sized_and_streamed(web: int) -> None:
    url = f"http://127.0.0.1:{web}/files/a%20b.bin?token=secret"

    found = list(list_remote(url))
    with open_remote(found[0].url) as stream:
        first, rest = stream.read(10), stream.read()

    assert [(one.name, one.size) for one in found] == [("a b.bin", len(BODY))]
    assert first + rest == BODY


def test_a_web_file_whose_length_is_not_told_is_read_to_its_end(web: int) -> None:
    url = f"http://127.0.0.1:{web}/endless.bin"

    with open_remote(url) as stream:
        assert stream.read() == BODY
    assert next(list_remote(url)).size is None


def test_redirects_are_followed_but_never_to_files_of_this_machine(web: int) -> None:
    with open_remote(f"http://127.0.0.1:{web}/moved/moved/files/a%20b.bin") as stream:
        assert stream.read() == BODY
    with pytest.raises(RemoteUnreadable, match="not followed"):
        open_remote(f"http://127.0.0.1:{web}/away")


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "who you are"), (403, "owner"), (429, "Wait"), (500, "later"), (418, "browser")],
)
def test_a_refusal_of_a_web_server_is_told_with_what_to_do(web: int, status: int, says: str) -> None:
    with pytest.raises(RemoteUnreadable) as caught:
        open_remote(f"http://127.0.0.1:{web}/status/{status}?signature=abc")

    assert f"status {status}" in caught.value.message
    assert says in str(caught.value)
    assert "signature" not in str(caught.value)


def test_a_missing_web_file_and_a_missing_server_are_told_apart(web: int) -> None:
    with pytest.raises(RemoteNotFound):
        open_remote(f"http://127.0.0.1:{web}/nothing.bin")
    with pytest.raises(RemoteUnreadable, match="cannot be reached"):
        open_remote("http://127.0.0.1:1/file.bin")


def test_a_web_file_that_breaks_off_is_taken_up_where_it_ended(web: int) -> None:
    with FaultProxy(web) as proxy:
        proxy.next(Cut(100_000), Cut(50_000))

        with open_remote(f"{proxy.endpoint}/files/a%20b.bin") as stream:
            assert stream.read() == BODY

    assert [one.range for one in proxy.requests] == ["", "bytes=100000-", "bytes=150000-"]


def test_a_web_file_that_breaks_off_and_cannot_be_taken_up_is_never_half_read(web: int) -> None:
    with FaultProxy(web) as proxy:
        proxy.next(Cut(100_000))

        with (
            open_remote(f"{proxy.endpoint}/nameless.bin") as stream,
            pytest.raises(RemoteUnreadable) as caught,
        ):
            stream.read()

    assert "broke" in caught.value.message


@pytest.mark.parametrize("url", ["ftp://host/x", "/a/path", "s3:/x", "data.csv", "http://user:pw@host/x"])
def test_what_is_no_address_to_read_from_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_remote(url)

    assert "user:pw" not in str(caught.value)
    assert is_remote_source("s3://b/k")
    assert not is_remote_source("C:/x")


FILES = {
    "top.txt": b"top",
    "a/1.txt": b"one",
    "a/b/2 ü#?.txt": b"two",
    "a-c/3.txt": b"three",
    "d/e/f/4.txt": b"four",
    "d/empty": b"",
}


@pytest.fixture
def bucket(s3_server: S3Server, s3_keys: None) -> str:
    name = s3_server.new_bucket()
    store = connect(parse(s3_server.url(name))).store
    for path, data in FILES.items():
        store.put(f"in/{path}", data)
    store.put("elsewhere.txt", b"x")
    return name


def s3(server: S3Server | FaultProxy, bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}?endpoint={server.endpoint}&allow_http=true&region=us-east-1"


def test_everything_below_a_prefix_is_listed_and_can_be_opened(s3_server: S3Server, bucket: str) -> None:
    for prefix in ("in/", "in"):
        found = list(list_remote(s3(s3_server, bucket, prefix)))

        assert {one.name: one.size for one in found} == {path: len(data) for path, data in FILES.items()}
        assert {one.name: open_remote(one.url).read() for one in found} == FILES
    assert len(list(list_remote(s3(s3_server, bucket, "")))) == len(FILES) + 1


def test_a_single_object_is_named_after_its_last_part(s3_server: S3Server, bucket: str) -> None:
    found = list(list_remote(s3(s3_server, bucket, "in/a/b/2%20%C3%BC%23%3F.txt")))

    assert [(one.name, one.size) for one in found] == [("2 ü#?.txt", 3)]


@pytest.mark.parametrize("key", ["nothing", "nothing/", "in/a/1.txt/", "in/top"])
def test_nothing_is_told_as_nothing(s3_server: S3Server, bucket: str, key: str) -> None:
    with pytest.raises(RemoteNotFound) as caught:
        list(list_remote(s3(s3_server, bucket, key)))

    assert bucket in caught.value.message


def test_a_folder_cannot_be_opened_as_a_file(s3_server: S3Server, bucket: str) -> None:
    with pytest.raises(RemoteNotFound):
        open_remote(s3(s3_server, bucket, "in/a"))


def test_a_long_object_is_streamed_in_parts_that_come_side_by_side(s3_server: S3Server, bucket: str) -> None:
    data = bytes(range(256)) * (3 * PART_BYTES // 256) + b"the end"
    connect(parse(s3_server.url(bucket))).store.put("long", data)

    with FaultProxy(s3_server.port) as proxy:
        proxy.next(Pass(), Drop(), Answer(503, "SlowDown"), Cut(1_000))
        with open_remote(s3(proxy, bucket, "long")) as stream:
            digest = hashlib.sha256()
            while piece := stream.read(1_000_000):
                digest.update(piece)

    assert digest.digest() == hashlib.sha256(data).digest()


def test_an_object_that_changes_while_it_is_read_is_refused(s3_server: S3Server, bucket: str) -> None:
    store = connect(parse(s3_server.url(bucket))).store
    store.put("changing", bytes(8 * PART_BYTES))

    with open_remote(s3(s3_server, bucket, "changing")) as stream:
        stream.read(10)
        store.put("changing", b"1" * (8 * PART_BYTES))
        with pytest.raises(RemoteUnreadable, match="changed"):
            stream.read()


def test_a_bucket_that_may_not_be_read_is_told(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nobody-secret-for-tests")

    with pytest.raises(StoreForbidden):
        list(list_remote(s3(s3_server, bucket, "in/")))


def test_a_listing_that_is_left_early_ends_its_threads(s3_server: S3Server, bucket: str) -> None:
    before = threading.active_count()

    listing = list_remote(s3(s3_server, bucket, "in/"))
    next(listing)
    del listing

    for thread in [one for one in threading.enumerate() if one.name == "headwater-list"]:
        thread.join(5)
    assert threading.active_count() <= before + 1


def test_a_listing_survives_faults(s3_server: S3Server, bucket: str) -> None:
    with FaultProxy(s3_server.port) as proxy:
        proxy.next(Answer(500), Drop(), Answer(503, "SlowDown"))

        found = list(list_remote(s3(proxy, bucket, "in/")))

    assert len(found) == len(FILES)


def test_what_a_stream_gives_can_be_put_into_a_file(web: int, tmp_path: Path) -> None:
    with open_remote(f"http://127.0.0.1:{web}/files/a%20b.bin") as stream, (tmp_path / "f").open("wb") as out:
        while piece := stream.read(65_536):
            out.write(piece)

    assert (tmp_path / "f").read_bytes() == BODY


def test_a_source_without_a_bucket_is_refused() -> None:
    with pytest.raises((InvalidInput, StorageUnavailable)):
        list(list_remote("s3:///key"))
