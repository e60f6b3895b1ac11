"""Egress to tables, of SQLite and PostgreSQL alike: rows replaced whole, names quoted, mistakes told."""

import gzip
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headwater.errors import InvalidInput, Unavailable
from headwater.execution import Stopping
from headwater.pipelines.egress import Sent, check
from headwater.pipelines.egress.errors import EgressFailed
from headwater.pipelines.errors import InvalidSpec
from headwater.pipelines.spec import Egress as EgressSpec
from headwater.pipelines.spec import OutputSpec, PipelineSpec
from tests.pipelines.egress.conftest import Sending

Rows = list[tuple[Any, ...]]


class Target:
    """A database that egress fills, as another program sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = sa.create_engine(
            url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool
        )

    def run(self, statement: str) -> Rows:
        with self._engine.begin() as conn:
            found = conn.exec_driver_sql(statement)
            return [tuple(row) for row in found] if found.returns_rows else []

    def rows(self, table: str) -> Rows:
        quoted = table.replace('"', '""')
        return sorted(self.run(f'SELECT * FROM "{quoted}"'), key=str)  # noqa: S608 - quoted above

    def tables(self) -> list[str]:
        with self._engine.connect() as conn:
            return sorted(sa.inspect(conn).get_table_names())

    def types(self, table: str) -> dict[str, str]:
        with self._engine.connect() as conn:
            return {one["name"]: str(one["type"]) for one in sa.inspect(conn).get_columns(table)}


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "sqlite":
        return Target(f"sqlite:///{tmp_path}/reports.db")
    return Target(request.getfixturevalue("postgres_url"))


def test_files_become_rows_of_tables_that_are_made(sending: Sending, target: Target) -> None:
    commit = sending.commit(
        {
            "/users/0001": "id,name,score,active\n1,Ann,1.5,true\n2,Bob,,false\n",
            "/users/0002": "id,name,score,active\n3,Cem,2,true\n",
            "/cities.csv": "name,zip\nBern,03000\n",
        }
    )

    sent = sending.send(commit, target.url, format="csv")

    assert sent == Sent(tables=2, rows=4)
    assert target.rows("users") == [(1, "Ann", 1.5, True), (2, "Bob", None, False), (3, "Cem", 2.0, True)]
    assert target.rows("cities") == [("Bern", "03000")]


def test_only_tables_whose_files_changed_are_written_anew(sending: Sending, target: Target) -> None:
    sending.send(sending.commit({"/a/1": "x\n1\n", "/b/1": "x\n1\n"}), target.url, format="csv")
    target.run("INSERT INTO b VALUES (99)")
    target.run("INSERT INTO a VALUES (99)")

    sent = sending.send(sending.commit({"/a/2": "x\n2\n"}), target.url, format="csv")

    assert sent == Sent(tables=1, rows=2)
    assert target.rows("a") == [(1,), (2,)]
    assert target.rows("b") == [(1,), (99,)]


def test_a_table_without_files_any_more_is_emptied_and_stays(sending: Sending, target: Target) -> None:
    sending.send(sending.commit({"/a.csv": "x\n1\n", "/b.csv": "x\n1\n"}), target.url, format="csv")

    sending.send(sending.commit({"/a.csv": None}), target.url, format="csv")

    assert target.rows("a") == []
    assert target.rows("b") == [(1,)]


def test_a_table_that_is_there_keeps_its_types_and_other_columns(sending: Sending, target: Target) -> None:
    target.run(
        'CREATE TABLE "People" ("Id" BIGINT PRIMARY KEY, name TEXT, since DATE, note TEXT DEFAULT \'none\')'
    )

    sending.send(
        sending.commit({"/People/all.csv": "id,SINCE,name\n1,2024-02-29,Ann\n2,,Bob\n"}),
        target.url,
        format="csv",
    )

    rows = [(row[0], row[1], str(row[2]), row[3]) for row in target.rows("People")]
    assert rows == [(1, "Ann", "2024-02-29", "none"), (2, "Bob", "None", "none")]


def test_names_that_would_be_statements_are_names(sending: Sending, target: Target) -> None:
    table, column = 'x"; DROP TABLE users; --', 'a"); DELETE FROM users; -- %s :p %(q)s \\ ?'
    quoted = column.replace('"', '""')
    sending.send(sending.commit({"/users.csv": "id\n1\n"}), target.url, format="csv")

    value = "'); DELETE FROM users; --"
    lines = [f"\"{quoted}\",'%(b)s'", f'1,"{value}"']
    evil = sending.commit({f"/{table}/f": "\n".join(lines)})
    sending.send(evil, target.url, format="csv")
    sending.send(sending.commit({f"/{table}/g": f'"{quoted}"\n2\n'}), target.url, format="csv")

    assert target.rows("users") == [(1,)]
    assert target.rows(table) == [(1, value), (2, None)]
    assert list(target.types(table)) == [column, "'%(b)s'"]


def test_columns_of_the_spec_stand_for_a_header_that_is_missing(sending: Sending, target: Target) -> None:
    commit = sending.commit({"/t/1": "1,Ann\n", "/t/2": "id,name\n2,Bob\n"})

    sending.send(commit, target.url, format="csv", columns=("id", "name"))

    assert target.rows("t") == [(1, "Ann"), (2, "Bob")]


def test_json_comes_in_lines_in_arrays_and_one_after_the_other(sending: Sending, target: Target) -> None:
    lines = "\n".join(json.dumps({"id": n, "text": "é" * 50}) for n in range(5_000))
    array = json.dumps([{"id": 5_000, "tags": ["a", {"b": 1}]}, {"id": 5_001, "text": None}], indent=1)
    one = '{"id": 5002, "text": "} ] {"} {"id": 5003, "ok": true}'

    sent = sending.send(
        sending.commit({"/t/1": lines, "/t/2": array, "/t/3": one}), target.url, format="json"
    )

    found = {row[0]: row for row in target.rows("t")}
    assert sent.rows == len(found) == 5_004
    assert list(target.types("t")) == ["id", "text", "tags", "ok"]
    assert found[5_000][2] in ('["a", {"b": 1}]', ["a", {"b": 1}])
    assert found[5_002][1] == "} ] {"
    assert found[5_003][3] in (1, True)


def test_a_json_value_longer_than_what_is_read_at_once_is_whole(sending: Sending, target: Target) -> None:
    long = "x" * 1_500_000

    sending.send(sending.commit({"/t.jsonl": json.dumps({"a": long}) + "\n{}"}), target.url, format="json")

    assert {row[0] for row in target.rows("t")} == {None, long}


def test_parquet_brings_its_own_types(sending: Sending, target: Target) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "id": [1, 2],
            "at": pd.to_datetime(["2024-01-01T10:00:00", "2024-01-02T11:30:00"]),
            "share": [0.5, None],
            "ok": [True, False],
            "tags": [["a"], []],
        }
    )
    file = io.BytesIO()
    frame.to_parquet(file)

    sent = sending.send(sending.commit({"/t/part-0.parquet": file.getvalue()}), target.url, format="parquet")

    rows = target.rows("t")
    assert sent.rows == 2
    assert [row[0] for row in rows] == [1, 2]
    assert str(rows[0][1]) == "2024-01-01 10:00:00"
    assert rows[1][2] is None


def test_files_packed_by_gzip_are_read(sending: Sending, target: Target) -> None:
    sending.send(sending.commit({"/t.csv.gz": gzip.compress(b"a\n1\n")}), target.url, format="csv")

    assert target.rows("t") == [(1,)]


@pytest.mark.parametrize(
    ("files", "format", "words"),
    [
        ({"/t/x": "a,b\n1\n"}, "csv", ("'t/x'", "row 2", "1 fields")),
        ({"/t/x": "a,a\n1,2\n"}, "csv", ("'t/x'", "two columns 'a'")),
        ({"/t/x": "a,\n1,2\n"}, "csv", ("'t/x'", "no name")),
        ({"/t/x": b"a\n\xff\xfe\n"}, "csv", ("'t/x'", "UTF-8")),
        ({"/t/x": 'a\n"open\n'}, "csv", ("'t/x'",)),
        ({"/t/x": '{"a": 1}\n{"a": '}, "json", ("'t/x'", "no JSON")),
        ({"/t/x": "[1, 2]"}, "json", ("'t/x'", "value 1 is no object")),
        ({"/t/x": "nope"}, "parquet", ("'t/x'", "no Parquet")),
        ({"/README.md": "hello"}, "csv", ("'README.md'", "neither")),
        ({"/known/x": "no_such\n1\n"}, "csv", ("'known/x'", "no column 'no_such'")),
        ({f"/{'t' * 250}x/{'x' * 3}": "a\n1\n"}, "csv", ("table",)),
    ],
)
def test_what_cannot_be_rows_is_told_with_its_file_and_nothing_is_changed(
    sending: Sending, target: Target, files: dict[str, str | bytes], format: str, words: tuple[str, ...]
) -> None:
    target.run("CREATE TABLE known (a INTEGER)")
    if target.url.startswith("sqlite:") and words == ("table",):
        pytest.skip("SQLite has no limit to names")

    with pytest.raises(EgressFailed) as caught:
        sending.send(sending.commit(files), target.url, format=format)

    assert all(word in caught.value.message for word in words), caught.value.message
    assert target.tables() == ["known"]


def test_rows_that_a_table_does_not_take_leave_all_tables_as_they_were(
    sending: Sending, target: Target
) -> None:
    target.run("CREATE TABLE b (x INTEGER NOT NULL CHECK (x > 0))")
    good = sending.commit({"/a.csv": "x\n1\n", "/b.csv": "x\n1\n"})
    sending.send(good, target.url, format="csv")

    with pytest.raises(EgressFailed) as caught:
        sending.send(sending.commit({"/a.csv": "x\n2\n", "/b.csv": "x\n2\n-1\n"}), target.url, format="csv")

    assert "'b'" in caught.value.message
    assert target.rows("a") == target.rows("b") == [(1,)]


def test_what_failed_once_is_sent_with_what_comes_next(sending: Sending, target: Target) -> None:
    target.run("CREATE TABLE a (x INTEGER CHECK (x > 0))")
    with pytest.raises(EgressFailed):
        sending.send(sending.commit({"/a.csv": "x\n-1\n", "/b.csv": "x\n7\n"}), target.url, format="csv")

    sending.send(sending.commit({"/a.csv": "x\n1\n"}), target.url, format="csv")

    assert target.rows("a") == [(1,)]
    assert target.rows("b") == [(7,)]


@pytest.mark.parametrize("stop_at", range(2, 9))
def test_stopped_anywhere_all_of_it_is_there_or_nothing(
    sending: Sending, target: Target, stop_at: int
) -> None:
    sending.send(sending.commit({"/a.csv": "x\n1\n", "/b.csv": "x\n1\n"}), target.url, format="csv")
    commit = sending.commit({"/a.csv": "x\n2\n", "/b.csv": "x\n2\n"})
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == stop_at:
            raise Stopping

    with pytest.raises(Stopping):
        sending.send(commit, target.url, format="csv", look=look)
    between = (target.rows("a"), target.rows("b"))
    sending.send(commit, target.url, format="csv")

    assert between in (([(1,)], [(1,)]), ([(2,)], [(2,)]))
    assert target.rows("a") == target.rows("b") == [(2,)]


def test_a_url_that_is_a_secret_is_read_where_it_is_sent_and_never_shown(
    sending: Sending, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE", target.url)

    sending.send(sending.commit({"/a.csv": "x\n1\n"}), "env:WAREHOUSE", format="csv")
    again = sending.send(sending.commit({"/b.csv": "x\n1\n"}), target.url, format="csv")

    assert target.rows("a") == [(1,)]
    assert again.tables == 1  # the same place, by whatever name


def test_a_secret_that_is_missing_is_named(sending: Sending, tmp_path: Path) -> None:
    commit = sending.commit({"/a.csv": "x\n1\n"})

    with pytest.raises(EgressFailed, match="NOT_SET"):
        sending.send(commit, "env:NOT_SET", format="csv")
    with pytest.raises(EgressFailed, match=r"url\.txt"):
        sending.send(commit, f"file:{tmp_path}/url.txt", format="csv")


def test_a_password_is_in_no_message(sending: Sending, tmp_path: Path, postgres_url: str) -> None:
    commit, password = sending.commit({"/a.csv": "x\n1\n"}), "s3cr3t-word"
    place = postgres_url.replace("postgres@", f"locked:{password}@")
    gone = f"postgresql://u:{password}@127.0.0.1:1/db"
    messages = []
    for url in (place, gone, f"postgresql://u:{password}@127.0.0.1:port/db", f"{place}?nonsense=1"):
        (tmp_path / "url").write_text(f"{url}\n")
        with pytest.raises((EgressFailed, Unavailable)) as caught:
            sending.send(commit, f"file:{tmp_path}/url", format="csv")
        messages.append(str(caught.value))

    assert not any(password in message for message in messages), messages


def test_a_server_that_is_gone_passes_and_a_database_that_is_not_there_does_not(
    sending: Sending, postgres_url: str, tmp_path: Path
) -> None:
    commit = sending.commit({"/a.csv": "x\n1\n"})

    with pytest.raises(Unavailable):
        sending.send(commit, "postgresql://u@127.0.0.1:1/db", format="csv")
    with pytest.raises(EgressFailed, match="does not exist"):
        sending.send(commit, postgres_url.rpartition("/")[0] + "/no_such_database", format="csv")
    with pytest.raises(EgressFailed, match="unable to open"):
        sending.send(commit, f"sqlite:///{tmp_path}/no/folder/x.db", format="csv")


def test_a_locked_sqlite_file_passes(
    sending: Sending, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.pipelines.egress.connection._BUSY_S", 0.05)
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable, match="locked"):
        sending.send(sending.commit({"/a.csv": "x\n1\n"}), f"sqlite:///{tmp_path}/x.db", format="csv")

    other.close()


def test_a_catalog_is_never_written_into(sending: Sending, tmp_path: Path) -> None:
    with pytest.raises(EgressFailed, match="catalog"):
        sending.send(
            sending.commit({"/jobs.csv": "id\n1\n"}), f"sqlite:///{tmp_path}/catalog.db", format="csv"
        )


@pytest.mark.parametrize(
    ("egress", "words"),
    [
        (EgressSpec(url="postgresql://u:secret@h/d", format="csv"), "password"),
        (EgressSpec(url="postgresql://u@h/d?password=secret", format="csv"), "password"),
        (EgressSpec(url="postgresql://u@h/d"), "format"),
        (EgressSpec(url="/a/folder", format="csv"), "format"),
        (EgressSpec(url="sqlite:///relative.db", format="csv"), "absolute"),
        (EgressSpec(url="s3://"), "bucket"),
        (EgressSpec(url="ftp://host/x"), "no place"),
        (EgressSpec(url="sqlite:////x.db", format="csv", columns=("a", "a")), "twice"),
    ],
)
def test_an_egress_that_cannot_be_meant_is_refused_when_the_pipeline_is_made(
    egress: EgressSpec, words: str
) -> None:
    spec = PipelineSpec(name="p", kind="transform", input=None, output=OutputSpec(repo="p"), egress=egress)

    with pytest.raises(InvalidSpec) as caught:
        check(spec)

    assert words in caught.value.message
    assert "secret@" not in str(caught.value)
    assert isinstance(caught.value, InvalidInput)


def test_a_missing_pyarrow_names_the_extra(
    sending: Sending, tmp_path: Path, hidden: Callable[[str], None]
) -> None:
    hidden("pyarrow")

    with pytest.raises(Exception, match="extra 'ml'"):
        sending.send(sending.commit({"/a.parquet": "x"}), f"sqlite:///{tmp_path}/x.db", format="parquet")


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a library that is installed look as if it were not."""
    import sys

    return lambda name: monkeypatch.setitem(sys.modules, name, None)
