"""What leaves a pipeline: to the place that its spec names, and nothing else to it."""

import sqlite3
from pathlib import Path

import pytest

from headwater.pipelines.egress.errors import EgressFailed, EgressUnavailable
from headwater.pipelines.longrun.layout import Layout
from headwater.pipelines.spec import Egress, FilesInput
from tests.pipelines.egress.conftest import Sending, sending
from tests.pipelines.engine.conftest import Bench

__all__ = ["sending"]


def rows_of(path: Path) -> list[tuple[int]]:
    with sqlite3.connect(path) as conn:
        return conn.execute("SELECT n FROM users ORDER BY n").fetchall()


def test_what_somebody_runs_aside_is_not_copied_out(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "copied"
    bench.put({"a.txt": "one"})
    old = bench.repos.resolve("texts@main").id
    bench.create(egress=Egress(url=str(place)))
    bench.put_and_work({"a.txt": "one two"})
    with bench.catalog.write() as conn:
        bench.repos.make_branch(conn, "out", "aside")

    bench.start(at={0: old}, writes=("out", "aside"))
    job = bench.work()

    assert (job.state, bench.output("out@aside")) == ("succeeded", {"a.txt": "1"})
    assert (place / "a.txt").read_text() == "2"


@pytest.mark.parametrize("names", [("Users", "users"), ("users", "Users")])
def test_a_table_keeps_its_rows_when_only_the_case_of_its_name_changes(
    sending: Sending, tmp_path: Path, names: tuple[str, str]
) -> None:
    before, after = (f"/{name}.csv" for name in names)
    url = f"sqlite:///{tmp_path}/t.db"
    sending.send(sending.commit({before: "n\n1\n"}), url, format="csv")

    sending.send(sending.commit({before: None, after: "n\n2\n"}), url, format="csv")
    sending.send(sending.commit({before: "n\n3\n", after: None}), url, format="csv")

    assert rows_of(tmp_path / "t.db") == [(3,)]


def test_two_tables_that_a_database_does_not_tell_apart_are_refused(sending: Sending, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.db"
    sending.send(sending.commit({"/users.csv": "n\n1\n"}), url, format="csv")

    with pytest.raises(EgressFailed, match=r"'Users'.*'users'"):
        sending.send(sending.commit({"/Users.csv": "n\n2\n"}), url, format="csv")
    sending.send(sending.commit({"/Users.csv": None}), url, format="csv")

    assert rows_of(tmp_path / "t.db") == [(1,)]


def test_a_password_with_signs_of_its_own_is_not_told_as_a_host(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORTS", "postgresql://user:half@otherhalf@127.0.0.1:1/reports")

    with pytest.raises(EgressFailed) as caught:
        sending.send(sending.commit({"/users.csv": "n\n1\n"}), "env:REPORTS", format="csv")

    assert "%XX" in caught.value.hint
    assert "otherhalf" not in caught.value.message + caught.value.hint


def test_a_layout_that_was_left_half_done_keeps_no_file_of_before(bench: Bench, tmp_path: Path) -> None:
    def full() -> None:
        raise EgressUnavailable("input texts", why="the disk is full", hint="Make room.")

    item = FilesInput("texts", "texts", glob="/*")
    bench.put({"stays": "1", "goes": "1"})
    first = bench.repos.resolve("texts@main")
    bench.put({"stays": "2", "goes": None})
    second = bench.repos.resolve("texts@main")
    layout = Layout(tmp_path / "inputs", bench.storage, bench.repos)
    layout.bring({"texts": (item, first)}, int)

    with pytest.raises(EgressUnavailable):
        layout.bring({"texts": (item, second)}, full)
    layout.bring({"texts": (item, second)}, int)

    assert {one.name: one.read_text() for one in (tmp_path / "inputs" / "texts").iterdir()} == {"stays": "2"}
