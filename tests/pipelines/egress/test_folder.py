"""Egress to a folder: the difference only, atomic files, nobody else's files, no way out of it."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.errors import Unavailable
from headwater.execution import Stopping
from headwater.pipelines import PipelineBonds
from headwater.pipelines.egress import Sent
from headwater.pipelines.egress.errors import EgressFailed
from tests.pipelines.egress.conftest import Sending


def files_in(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_a_folder_gets_the_files_and_then_the_difference_only(sending: Sending, tmp_path: Path) -> None:
    out = tmp_path / "sent"
    first = sending.commit({"/a/1.txt": "one", "/a/2.txt": "two", "/b.txt": "bee"})

    begun = sending.send(first, f"file://{out}")
    kept = (out / "b.txt").stat().st_ino
    second = sending.commit({"/a/1.txt": "uno", "/a/2.txt": None, "/c/d/e.txt": "new"})
    then = sending.send(second, f"file://{out}")

    assert begun == Sent(put=3, size=9)
    assert then == Sent(put=2, removed=1, size=6)
    assert files_in(out) == {"a/1.txt": "uno", "b.txt": "bee", "c/d/e.txt": "new"}
    assert (out / "b.txt").stat().st_ino == kept


def test_what_was_sent_is_not_sent_again(sending: Sending, tmp_path: Path) -> None:
    commit = sending.commit({"/a.txt": "one"})
    sending.send(commit, str(tmp_path / "sent"))
    (tmp_path / "sent/a.txt").write_text("mine now")

    again = sending.send(commit, str(tmp_path / "sent"))

    assert again == Sent()
    assert (tmp_path / "sent/a.txt").read_text() == "mine now"


def test_files_of_others_stay_and_empty_folders_go(sending: Sending, tmp_path: Path) -> None:
    out = tmp_path / "sent"
    sending.send(sending.commit({"/a/b/1.txt": "one", "/c/1.txt": "one", "/d.txt": "d"}), str(out))
    (out / "c/theirs.txt").write_text("theirs")

    sending.send(sending.commit({"/a/b/1.txt": None, "/c/1.txt": None}), str(out))

    assert files_in(out) == {"c/theirs.txt": "theirs", "d.txt": "d"}
    assert sorted(one.name for one in out.iterdir()) == ["c", "d.txt"]


def test_a_file_becomes_a_folder_and_a_folder_a_file(sending: Sending, tmp_path: Path) -> None:
    out = tmp_path / "sent"
    sending.send(sending.commit({"/a": "file", "/b/c/d": "deep", "/b/x": "x"}), str(out))
    turned = sending.commit({"/a": None, "/b/c/d": None, "/b/x": None})
    turned = sending.commit({"/a/inner": "now a folder", "/b": "now a file"})

    sending.send(turned, str(out))

    assert files_in(out) == {"a/inner": "now a folder", "b": "now a file"}


def test_a_file_that_may_be_run_may_be_run_there(sending: Sending, tmp_path: Path) -> None:
    with sending.repos.get("out").commit("main") as commit:
        commit.put("/run.sh", "#!/bin/sh\n", executable=True)

    sending.send(commit.commit, str(tmp_path / "sent"))

    assert os.access(tmp_path / "sent/run.sh", os.X_OK)


def test_a_large_file_is_streamed(sending: Sending, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 9
    looks: list[int] = []

    sending.send(sending.commit({"/big": data}), str(tmp_path / "sent"), look=lambda: looks.append(1))

    assert (tmp_path / "sent/big").read_bytes() == data


def test_a_link_does_not_lead_out_of_the_folder(sending: Sending, tmp_path: Path) -> None:
    out, outside = tmp_path / "sent", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (outside / "passwd").write_text("theirs")
    (out / "etc").symlink_to(outside)
    (out / "name").symlink_to(outside / "passwd")

    with pytest.raises(EgressFailed) as caught:
        sending.send(sending.commit({"/etc/passwd": "mine"}), str(out))
    sending.send(sending.commit({"/etc/passwd": None, "/name": "mine"}), str(out))

    assert "etc/passwd" in caught.value.message
    assert "in its way" in caught.value.hint
    assert (outside / "passwd").read_text() == "theirs"
    assert not (out / "name").is_symlink()


def test_a_link_in_the_place_of_a_sent_file_is_not_removed(sending: Sending, tmp_path: Path) -> None:
    out = tmp_path / "sent"
    sending.send(sending.commit({"/a/b": "one", "/k": "kept"}), str(out))
    (out / "a/b").unlink()
    (out / "a/b").symlink_to(tmp_path)

    sending.send(sending.commit({"/a/b": None}), str(out))

    assert (out / "a/b").is_symlink()


def test_a_folder_of_somebody_else_in_the_place_of_a_file_is_told(sending: Sending, tmp_path: Path) -> None:
    (tmp_path / "sent/a/theirs").mkdir(parents=True)

    with pytest.raises(EgressFailed, match="'a'") as caught:
        sending.send(sending.commit({"/a": "one"}), str(tmp_path / "sent"))

    assert caught.value.kind == "egress-failed"


@pytest.mark.parametrize(
    "url", ["relative/folder", "/w/../etc", "http://x/y", "file://host/x", "/w/.headwater/objects"]
)
def test_a_place_that_cannot_be_meant_is_refused(sending: Sending, url: str) -> None:
    with pytest.raises(EgressFailed):
        sending.send(sending.commit({"/a": "one"}), url)


def test_a_full_disk_passes_and_is_tried_again(
    sending: Sending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, rename = sending.commit({"/a": "one", "/b": "two"}), os.rename

    def full(*args: Any, **named: Any) -> None:
        if args[1] == "b":
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(*args, **named)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(Unavailable, match="No space left"):
        sending.send(commit, str(tmp_path / "sent"))
    monkeypatch.undo()
    sending.send(commit, str(tmp_path / "sent"))

    assert files_in(tmp_path / "sent") == {"a": "one", "b": "two"}


def test_a_send_that_was_given_up_for_a_newer_commit_leaves_nothing(sending: Sending, tmp_path: Path) -> None:
    out = tmp_path / "sent"
    sending.send(sending.commit({"/a": "1", "/b": "1"}), str(out))
    looks = 0

    def stop() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise Stopping

    given_up = sending.commit({"/a": "2", "/only-here": "2"})
    with pytest.raises(Stopping):
        sending.send(given_up, str(out), look=stop)
    assert (out / "only-here").exists()
    sending.send(sending.commit({"/a": "1", "/only-here": None}), str(out))

    assert files_in(out) == {"a": "1", "b": "1"}


_KILLED = """
import os, signal, sys
from pathlib import Path
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.pipelines.egress import Egress
from headwater.pipelines.spec import Egress as Spec, OutputSpec, PipelineSpec
from headwater.repos import Repos
from headwater.storage import Storage, open_store

folder, out, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
clock = SystemClock()
catalog = Catalog.open(f"sqlite:///{folder}/catalog.db")
storage = Storage(catalog, open_store(f"file:{folder}/objects"), clock=clock)
repos = Repos(catalog, storage, clock=clock)

def dying(name):
    real = getattr(os, name)
    def call(*args, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)
    setattr(os, name, call)

for name in ("open", "mkdir", "rename", "unlink", "rmdir", "fsync"):
    dying(name)
commit = repos.get("out").at("main").commit
spec = PipelineSpec(name="p", kind="transform", input=None, output=OutputSpec(repo="out"), egress=Spec(url=out))
Egress(catalog, repos, storage, clock).send(1, spec, commit)
"""


def test_killed_at_any_call_and_run_again_the_end_is_the_same(sending: Sending, tmp_path: Path) -> None:
    out = tmp_path / "sent"
    sending.send(sending.commit({"/a/1": "1", "/a/2": "2", "/b": "b", "/f": "f"}), str(out))
    sending.commit({"/a/1": None, "/a/2": None, "/b": "new", "/c/d/e": "e", "/f": None})
    sending.commit({"/f/g": "g"})
    killed = 0
    for calls in range(0, 80, 7):
        ended = subprocess.run(
            [sys.executable, "-c", _KILLED, str(tmp_path), str(out), str(calls)], check=False, timeout=60
        )
        killed += ended.returncode == -signal.SIGKILL

    sending.send(sending.repos.get("out").at("main").commit, str(out))

    assert killed > 2
    assert files_in(out) == {"b": "new", "c/d/e": "e", "f/g": "g"}
    assert sorted(one.name for one in out.iterdir()) == ["b", "c", "f"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from(["a", "b", "b/c", "b/c/d", "b-x", "e/f", "e/g/h"]),
                st.sampled_from(["1", "2", None]),
                min_size=1,
            ),
            st.integers(0, 6),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_was_interrupted_the_last_send_is_what_is_there(
    sending: Sending, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[dict[str, str | None], int]]
) -> None:
    out = tmp_path_factory.mktemp("sent")
    commit = None
    for edits, stop_after in steps:
        commit = _applied(sending, edits)
        left = stop_after

        def look() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Stopping

        try:
            sending.send(commit, str(out), look=look)
        except Stopping:
            continue
    assert commit is not None

    sending.send(commit, str(out))

    view = sending.repos.view(commit)
    assert files_in(out) == {one.path[1:]: view.read(one.path).decode() for one in view.walk()}


def _applied(sending: Sending, edits: dict[str, str | None]) -> Any:
    """Commits edits, where a file makes room for a folder of its name and a folder for a file."""
    with sending.repos.get("out").commit("main", allow_empty=True) as commit:
        view = None
        if sending.repos.get("out").info().files:
            view = sending.repos.get("out").at("main")
        there = set() if view is None else {one.path[1:] for one in view.walk()}
        for path, text in edits.items():
            for other in list(there):
                is_near = other == path or other.startswith(f"{path}/") or path.startswith(f"{other}/")
                if is_near and (text is not None or other == path):
                    commit.delete(other)
                    there.discard(other)
            if text is not None:
                commit.put(path, text)
                there.add(path)
    return commit.commit


def test_what_was_copied_last_is_kept_until_the_next_copy(sending: Sending, tmp_path: Path) -> None:
    first = sending.commit({"/a": "1"})
    sending.send(first, str(tmp_path / "sent"))
    with sending.catalog.read() as conn:
        kept = PipelineBonds().pinned(conn, sending.repos, [first.id])

    sending.send(sending.commit({"/a": "2"}), str(tmp_path / "sent"))

    with sending.catalog.read() as conn:
        assert PipelineBonds().pinned(conn, sending.repos, [first.id]) == {}
    assert "egress of pipeline 'p'" in kept[first.id]
