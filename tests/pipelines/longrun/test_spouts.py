"""Spouts: every piece that is handed over becomes one commit, from a function or any command."""

from pathlib import Path

import pytest

from headwater.pipelines import pipeline_store
from headwater.pipelines import store as rows
from headwater.pipelines.spec import Egress
from tests.pipelines.longrun.conftest import Place
from tests.waiting import until

_THREE = """
import time
def produce(last):
    for n in range(3):
        got = yield {f"{n}.txt": f"piece {n}", "latest": str(n)}
        print("committed", got)
    time.sleep(60)
"""

_BY_OUT = """
import time
def produce(out, last, state):
    for n in range(int(last or 0), 3):
        out.write("n.txt", str(n))
        (out.folder / "deep").mkdir()
        (out.folder / "deep/file").write_text(state)
        out.commit(str(n + 1))
    time.sleep(60)
def ready():
    return "set up"
"""


def test_each_yield_is_a_commit_and_goes_on_when_it_is(place: Place) -> None:
    place.spout({"code.py": _THREE}, function="code:produce")

    with place.working():
        until(lambda: "committed" in place.log() and len(place.commits()) == 3)
        commits = place.commits()
        until(lambda: place.log().count("committed") == 3)

    assert place.files() == {"0.txt": "piece 0", "1.txt": "piece 1", "2.txt": "piece 2", "latest": "2"}
    assert [one.files for one in commits] == [2, 3, 4]
    assert all(f"committed {one.id}" in place.log() for one in commits)
    assert [one.kind for one in commits[0].provenance] == ["code"]


def test_a_function_may_write_to_out_and_is_told_what_it_handed_over_last(place: Place) -> None:
    place.spout({"code.py": _BY_OUT}, function="code:produce", setup="code:ready")
    with place.working():
        until(lambda: len(place.commits()) == 3)

    with place.working():
        until(lambda: place.log().count("started") == 2 and place.state() == "running")
        commits = place.commits()

    assert place.files() == {"n.txt": "2", "deep/file": "set up"}
    assert [one.message for one in commits] == ["1", "2", "3"]
    status = place.status()
    assert status is not None
    assert status.last == "3"


def test_with_overwrite_each_commit_holds_its_piece_alone(place: Place) -> None:
    place.spout({"code.py": _THREE}, function="code:produce", overwrite=True)

    with place.working():
        until(lambda: len(place.commits()) == 3)

    assert place.files() == {"2.txt": "piece 2", "latest": "2"}


def test_a_command_hands_over_files_and_folders_by_a_rename(place: Place) -> None:
    script = """#!/bin/sh
set -e
cd "$HEADWATER_OUTPUT"
mkdir -p draft/sub; echo one > draft/a.txt; echo two > draft/sub/b.txt
mv draft ready/1-folder
echo three > c.tmp; mv c.tmp ready/2-file
echo "said something"; exec sleep 60
"""
    place.spout({"run.sh": script}, command=("./run.sh",))

    with place.working():
        until(lambda: len(place.commits()) == 2)
        until(lambda: "said something" in place.log())

    assert place.files() == {"a.txt": "one\n", "sub/b.txt": "two\n", "2-file": "three\n"}
    assert [one.message for one in place.commits()] == ["1-folder", "2-file"]


def test_a_process_that_ends_is_started_again_with_its_error_shown(place: Place) -> None:
    place.spout({"code.py": "def f():\n    raise ValueError('no such feed')\n"}, function="code:f")

    with place.working():
        until(lambda: (found := place.status()) is not None and found.restarts >= 2)
        status = place.status()

    assert status is not None
    assert status.state == "restarting"
    assert "no such feed" in (status.error or "")
    assert "code.py" in place.log()


def test_what_cannot_be_committed_is_put_aside_and_told_and_the_rest_goes_on(place: Place) -> None:
    script = """#!/bin/sh
cd "$HEADWATER_OUTPUT"
mkdir bad; ln -s /etc/passwd bad/link; mv bad ready/bad
sleep 0.2
echo fine > fine; mv fine ready/good
exec sleep 60
"""
    place.spout({"run.sh": script}, command=("./run.sh",))

    with place.working():
        until(lambda: len(place.commits()) == 1)
        status = place.status()

    assert place.files() == {"good": "fine\n"}
    assert status is not None
    assert "bad" in (status.error or "")
    assert "link" in (status.error or "")


def test_a_function_hears_that_its_piece_cannot_be_committed(place: Place) -> None:
    code = """
import os, time
def f(out):
    os.mkfifo(out.folder / "pipe")
    try:
        out.commit()
    except Exception as error:
        print("heard:", error)
    out.write("ok", "1"); out.commit()
    time.sleep(60)
"""
    place.spout({"code.py": code}, function="code:f")

    with place.working():
        until(lambda: len(place.commits()) == 1)

    assert "named pipe" in place.log()


def test_a_command_that_is_not_found_is_named(place: Place) -> None:
    place.spout({"x": "1"}, command=("no-such-program",))

    with place.working():
        until(lambda: (found := place.status()) is not None and "no-such-program" in (found.error or ""))

    assert place.state() == "restarting"


def test_pausing_ends_the_process_and_resuming_starts_it(place: Place, tmp_path: Path) -> None:
    code = f"""
import os, time
def f():
    open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
    yield {{"at": str(time.time_ns())}}
    time.sleep(60)
"""
    place.spout({"code.py": code}, function="code:f")
    with place.working():
        until(lambda: len(place.commits()) == 1)
        pid = int((tmp_path / "pid").read_text())
        place.set_state("paused")
        until(lambda: place.state() == "stopped")
        assert not Path(f"/proc/{pid}").exists()
        place.set_state("running")
        until(lambda: len(place.commits()) == 2)


def test_an_update_starts_the_new_code(place: Place) -> None:
    place.spout(
        {"code.py": "import time\ndef f():\n    yield {'v': '1'}\n    time.sleep(60)\n"}, function="code:f"
    )
    with place.working():
        until(lambda: len(place.commits()) == 1)
        place.spout(
            {"code.py": "import time\ndef f():\n    yield {'v': '2'}\n    time.sleep(60)\n"},
            function="code:f",
        )
        until(lambda: len(place.commits()) == 2)

    first, second = place.commits()
    assert place.files() == {"v": "2"}
    assert first.provenance != second.provenance


def test_the_process_sees_what_the_spec_names_and_no_other_secret(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_FEED_KEY", "feed-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never")
    code = """
import json, os, time
def f():
    yield {"env.json": json.dumps(dict(os.environ))}
    time.sleep(60)
"""
    place.spout(
        {"code.py": code}, function="code:f", env={"MODE": "fast"}, secrets={"KEY": "env:TEST_FEED_KEY"}
    )
    with place.working():
        until(place.commits)

    seen = place.files()["env.json"]
    assert '"KEY": "feed-key"' in seen
    assert '"MODE": "fast"' in seen
    assert "never" not in seen


def test_a_commit_of_somebody_else_in_between_is_built_upon(place: Place) -> None:
    code = """
import os, time
def f():
    for n in range(20):
        yield {f"mine-{n}": "x"}
    time.sleep(60)
"""
    place.spout({"code.py": code}, function="code:f")
    others = 0
    with place.working():
        while len([one for one in place.commits() if one.metadata]) < 20:
            with place.repos.get("s", system=True).commit("main") as commit:
                commit.put(f"/theirs-{others}", "y")
            others += 1

    files = place.files()
    assert len(files) == 20 + others


def test_what_a_spout_commits_is_copied_out_too(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    place.spout({"code.py": _THREE}, function="code:produce", egress=Egress(url=str(out)))

    with place.working():
        until((out / "2.txt").exists)

    assert {one.name: one.read_text() for one in out.iterdir()} == place.files()


def test_a_deleted_pipeline_leaves_no_process_and_no_files(place: Place) -> None:
    place.spout({"code.py": _THREE}, function="code:produce")
    with place.working():
        until(lambda: len(place.commits()) == 3)
        with place.catalog.write() as conn:
            row = rows.find_pipeline(conn, "s")
            assert row is not None
            pipeline_store.remove(conn, row.id)
        until(lambda: not list(place.files_at.iterdir()))
        until(lambda: place.queue.counts()["running"] == 0)

    assert place.queue.counts()["failed"] == 0


def test_the_values_of_its_secrets_stay_out_of_its_log(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN_OF_MINE", "a-long-token")
    place.spout(
        {}, command=("sh", "-c", "echo it is $TOKEN; exit 3"), secrets={"TOKEN": "env:A_TOKEN_OF_MINE"}
    )

    with place.working():
        until(lambda: "status 3" in place.log())

    assert "it is ***" in place.log()
    assert "a-long-token" not in place.log()
