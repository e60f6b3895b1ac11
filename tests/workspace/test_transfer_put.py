"""Putting files of this machine: what becomes a file, what is passed over, what is refused, and all at once."""

import io
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import headwater as hw
from headwater.errors import InvalidInput
from headwater.telemetry import Silent
from headwater.workspace import Workspace
from headwater.workspace.errors import SourceNotFound, SourcesUnusable

MIB = 1024 * 1024


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with hw.open(tmp_path / "w", create=True) as workspace:
        workspace.create_repo("r")
        yield workspace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "a").mkdir(parents=True)
    (made / "a" / "1.txt").write_bytes(b"one")
    (made / "a.txt").write_bytes(b"beside")
    (made / "empty").write_bytes(b"")
    (made / "large.bin").write_bytes(os.urandom(3 * MIB))
    (made / "run.sh").write_bytes(b"#!/bin/sh\n")
    (made / "run.sh").chmod(0o755)
    return made


def held(workspace: Workspace) -> dict[str, bytes]:
    view = workspace.repo("r").at("main")
    return {file.path: view.read(file.path) for file in view.walk("/")}


class Watched(Silent):
    """Progress that is looked at afterwards."""

    def __init__(self) -> None:
        self.files = self.size_bytes = 0
        self.whole: tuple[int | None, int | None] = (None, None)
        self.notes: list[str] = []

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        self.whole = (total, size_bytes)

    def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
        self.files += steps
        self.size_bytes += size_bytes

    def finish(self, note: str = "") -> None:
        self.notes.append(note)


def test_a_folder_comes_in_whole_with_its_executable_bits(workspace: Workspace, folder: Path) -> None:
    workspace.put("r@main:/in", [str(folder)])

    expected = {f"/in/{place.relative_to(folder)}": place.read_bytes() for place in files_of(folder)}
    assert held(workspace) == expected
    tree = workspace.repo("r").at("main").tree
    assert [entry.path for entry in tree.entries() if entry.executable] == ["in/run.sh"]


def files_of(folder: Path) -> list[Path]:
    return [place for place in folder.rglob("*") if place.is_file() and not place.is_symlink()]


def test_the_tree_is_the_one_that_file_by_file_makes(workspace: Workspace, folder: Path) -> None:
    for number in range(700):
        (folder / f"{number:03d}").write_bytes(b"%d" % number)
    workspace.create_repo("single")
    with workspace.repo("single").commit() as commit:
        for place in sorted(files_of(folder), reverse=True):
            commit.put(str(place.relative_to(folder)), place)

    workspace.put("r@main", [str(folder)])

    trees = [workspace.repo(name).at("main").tree.root_hash for name in ("r", "single")]
    assert trees[0] == trees[1]


def test_links_and_special_files_in_a_folder_are_passed_over_and_counted(
    workspace: Workspace, folder: Path
) -> None:
    (folder / "link").symlink_to(folder / "a.txt")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
    progress = Watched()

    workspace.put("r@main", [str(folder)], progress=progress)

    assert held(workspace).keys() == {"/a/1.txt", "/a.txt", "/empty", "/large.bin", "/run.sh"}
    assert progress.notes == ["5 files read, 2 links and 2 special files passed over"]


def test_a_link_that_is_named_is_followed(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder / "a.txt")

    workspace.put("r@main:/x", [str(tmp_path / "link")])

    assert held(workspace) == {"/x": b"beside"}


def test_progress_knows_all_files_and_bytes_from_the_start(workspace: Workspace, folder: Path) -> None:
    size = sum(place.stat().st_size for place in files_of(folder))
    progress = Watched()

    workspace.put("r@main", [str(folder)], progress=progress)

    assert progress.whole == (5, size)
    assert (progress.files, progress.size_bytes) == (5, size)


def test_all_mistakes_are_said_at_once_and_nothing_is_put(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    (folder / "not\u0065\u0301nfc").write_bytes(b"x")
    Path(os.fsdecode(bytes(folder) + b"/bro\xffken")).write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(SourcesUnusable) as caught:
        workspace.put("r@main", [str(folder), str(tmp_path / "nowhere"), str(tmp_path / "pipe")])

    told = " ".join(one["message"] for one in caught.value.details)
    assert len(caught.value.details) == 4
    assert all(word in told for word in ("normal form", "valid Unicode", "nowhere", "neither"))
    assert not workspace.log("r@main").items


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_files_that_may_not_be_read_are_named(workspace: Workspace, folder: Path) -> None:
    (folder / "a.txt").chmod(0)

    with pytest.raises(SourcesUnusable, match=r"a\.txt cannot be read"):
        workspace.put("r@main", [str(folder)])


def test_missing_sources_are_named_together(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"a, .*b"):
        workspace.put("r@main", [str(tmp_path / "a"), str(tmp_path / "b")])


def test_nothing_and_a_nameless_stdin_are_refused(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="Nothing was named"):
        workspace.put("r@main", [])
    with pytest.raises(InvalidInput, match="Stdin has no name"):
        workspace.put("r@main", ["-"])


def test_stdin_becomes_a_file(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(2 * MIB)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    workspace.put("r@main:/in.bin", ["-"])

    assert held(workspace) == {"/in.bin": data}


def test_files_are_added_to_what_is_there(workspace: Workspace, folder: Path) -> None:
    workspace.put("r@main", [str(folder)])

    workspace.put("r@main", [str(folder)], append=True)

    assert held(workspace)["/a/1.txt"] == b"oneone"
    assert held(workspace)["/large.bin"] == (folder / "large.bin").read_bytes() * 2


def test_of_two_folders_the_later_has_the_last_word(
    workspace: Workspace, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "over").mkdir()
    (tmp_path / "over" / "a.txt").write_bytes(b"later")

    workspace.put("r@main", [str(folder), str(tmp_path / "over")])

    assert held(workspace)["/a.txt"] == b"later"


def test_a_deep_folder_needs_no_deep_stack(workspace: Workspace, tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    deep.joinpath(*["d"] * 400).mkdir(parents=True)
    deep.joinpath(*["d"] * 400, "f").write_bytes(b"x")

    workspace.put("r@main", [str(deep)])

    assert held(workspace) == {"/" + "d/" * 400 + "f": b"x"}


class Pages(BaseHTTPRequestHandler):
    """A web server with one page, and no more."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/data.csv" else 404)
        self.send_header("Content-Length", str(len(PAGE) if self.path == "/data.csv" else 0))
        self.end_headers()
        if self.path == "/data.csv" and self.command == "GET":
            self.wfile.write(PAGE)

    do_HEAD = do_GET  # noqa: N815 - the name that the server calls

    def log_message(self, *_: object) -> None:
        """Says nothing."""


PAGE = b"a,b\n" * 10_000


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_a_page_of_the_web_becomes_a_file(workspace: Workspace, site: str) -> None:
    workspace.put("r@main:/in/", [f"{site}/data.csv"])
    workspace.put("r@main:/named.csv", [f"{site}/data.csv"])

    assert held(workspace) == {"/in/data.csv": PAGE, "/named.csv": PAGE}
