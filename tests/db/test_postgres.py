"""A catalog on a server: where it may be, what is said when it cannot be used, and what a broken connection leaves."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from headwater.db import (
    Catalog,
    CatalogCorrupt,
    CatalogNotFound,
    CatalogUnavailable,
    Counters,
    TransactionUndone,
    lift_barrier,
    raise_barrier,
)
from headwater.db.errors import CatalogClosed
from headwater.db.tables import counters
from headwater.errors import AlreadyExists, Error, InvalidInput, MissingExtra
from tests.servers import processes
from tests.servers.postgres import PostgresServer

SECRET = "open-sesame-7"


@pytest.fixture
def url(postgres_catalog_url: str) -> str:
    return postgres_catalog_url


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = Catalog.open(url)
    yield catalog
    catalog.close()


@pytest.fixture
def locked_out(postgres_server: PostgresServer) -> Iterator[str]:
    """Gives a role that needs its password, and may make nothing."""
    postgres_server.run("DROP ROLE IF EXISTS locked", f"CREATE ROLE locked LOGIN PASSWORD '{SECRET}'")
    yield "locked"
    postgres_server.run("DROP OWNED BY locked", "DROP ROLE locked")


def with_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{user}:{password}@{parts.hostname}:{parts.port}").geturl()


def refused(call: Callable[[], object], kind: type[Error]) -> Error:
    """Returns the error of a call, which says what to do and not the password."""
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.hint
    assert SECRET not in str(caught.value)
    return caught.value


# --- where it may be ---


def test_a_server_that_is_not_there_is_named() -> None:
    [port] = processes.free_ports(1)

    error = refused(
        lambda: Catalog.open(f"postgresql://ada:{SECRET}@127.0.0.1:{port}/work"), CatalogUnavailable
    )

    assert str(port) in error.message


def test_a_database_that_is_not_there_is_named(postgres_server: PostgresServer) -> None:
    for begin in (Catalog.open, Catalog.create):
        error = refused(lambda begin=begin: begin(postgres_server.url("nowhere")), CatalogNotFound)  # type: ignore[misc]

        assert "nowhere" in error.message
        assert "createdb" in error.hint


def test_a_wrong_password_is_said_and_not_shown(url: str, locked_out: str) -> None:
    error = refused(lambda: Catalog.open(with_user(url, locked_out, SECRET + "x")), CatalogUnavailable)

    assert "password" in error.message
    assert "PGPASSWORD" in error.hint


def test_a_user_who_may_not_make_tables_is_told_how(postgres_url: str, locked_out: str) -> None:
    error = refused(lambda: Catalog.create(with_user(postgres_url, locked_out, SECRET)), CatalogUnavailable)

    assert "GRANT" in error.hint


def test_an_empty_database_is_no_catalog(postgres_url: str) -> None:
    error = refused(lambda: Catalog.open(postgres_url), CatalogNotFound)

    assert "headwater init" in error.hint


def test_a_database_of_another_program_is_left_alone(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = urlsplit(postgres_url).path[1:]
    postgres_server.run("CREATE TABLE alembic_version (version_num text)", database=database)

    refused(lambda: Catalog.open(postgres_url), CatalogCorrupt)
    error = refused(lambda: Catalog.create(postgres_url), AlreadyExists)

    assert "?schema=" in error.hint
    count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert postgres_server.run(count, database=database) == [(1,)]


def test_two_catalogs_in_one_database_neither_see_nor_hinder_each_other(postgres_url: str) -> None:
    left, right = (Catalog.create(f"{postgres_url}?schema={name}") for name in ("team_a", "team_b"))

    with left.writer_turn(), right.write() as conn:
        Counters.next(conn, "a", 5)

    with left.write() as conn:
        assert Counters.next(conn, "a") == 1
    left.close()
    right.close()


@pytest.mark.parametrize("name", ["Team", "pg_mine", 'a"b', "a-b", "x" * 64])
def test_a_schema_that_cannot_be_is_refused(name: str) -> None:
    refused(lambda: Catalog.open(f"postgresql://ada@localhost/work?schema={name}"), InvalidInput)


@pytest.mark.parametrize("url", ["postgresql://", "postgresql://ada@host", "postgresql://ada@host:many/work"])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    refused(lambda: Catalog.open(url), InvalidInput)


def test_a_password_is_not_part_of_what_is_shown() -> None:
    catalog = Catalog(f"postgresql://ada:{SECRET}@host:99/work?schema=team_a")

    assert catalog.place == "postgresql://ada@host:99/work?schema=team_a"


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    error = refused(lambda: Catalog.open("postgresql://ada@host/work"), MissingExtra)

    assert "headwater[postgres]" in error.hint


def test_a_server_that_is_too_old_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.db.postgres_engine._OLDEST", 990_000)

    error = refused(lambda: Catalog.open(url), CatalogUnavailable)

    assert "newer" in error.hint


def test_a_database_in_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    postgres_server.run(
        "DROP DATABASE IF EXISTS latin", "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'"
    )

    error = refused(lambda: Catalog.create(postgres_server.url("latin")), CatalogUnavailable)

    assert "UTF8" in error.message


# --- what is promised ---


def test_a_commit_is_durable_even_where_the_server_would_not_wait(
    postgres_server: PostgresServer, url: str
) -> None:
    name = urlsplit(url).path[1:]
    postgres_server.run(f"ALTER DATABASE {name} SET synchronous_commit = off")

    catalog = Catalog.open(url)

    with catalog.write(shared=True) as conn:
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    catalog.close()


def test_shared_writers_are_in_their_blocks_at_the_same_time(catalog: Catalog) -> None:
    both = threading.Barrier(2, timeout=30)
    met: list[str] = []

    def write(name: str) -> None:
        with catalog.write(shared=True) as conn:
            Counters.next(conn, name)
            both.wait()
            met.append(name)

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(met) == ["a", "b"]


def test_of_two_that_wait_for_each_other_one_is_undone_and_told_to_try_again(catalog: Catalog) -> None:
    both, undone = threading.Barrier(2, timeout=30), []

    def write(first: str, second: str) -> None:
        try:
            with catalog.write(shared=True) as conn:
                Counters.next(conn, first)
                both.wait()
                Counters.next(conn, second)
        except TransactionUndone as error:
            undone.append(error)

    threads = [threading.Thread(target=write, args=names) for names in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(undone) == 1
    with catalog.write() as conn:
        assert (Counters.next(conn, "a"), Counters.next(conn, "b")) == (2, 2)


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        ("53100", CatalogUnavailable, "full"),
        ("40001", TransactionUndone, "again"),
        ("57014", CatalogUnavailable, "statement_timeout"),
        ("XX001", CatalogCorrupt, "backup"),
        ("53200", CatalogUnavailable, "room"),
    ],
)
def test_what_the_server_says_comes_out_with_what_to_do(
    catalog: Catalog, code: str, kind: type[Error], word: str
) -> None:
    def fail() -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a")
            conn.exec_driver_sql(f"DO $$BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END$$")

    error = refused(fail, kind)

    assert word in str(error)
    assert "so it is" in error.message
    with catalog.write() as conn:
        assert Counters.next(conn, "a") == 1


@pytest.mark.parametrize("name", ["with a \0 in it", "\ud800"])
def test_a_text_that_the_server_cannot_keep_is_refused(catalog: Catalog, name: str) -> None:
    def write() -> None:
        with catalog.write() as conn:
            conn.execute(sa.insert(counters), {"name": name, "value": 1})

    with pytest.raises((InvalidInput, UnicodeEncodeError)):
        write()


def test_a_barrier_keeps_writers_out_with_its_reason(catalog: Catalog) -> None:
    with catalog.write() as conn:
        raise_barrier(conn, "It has moved.")

    def write() -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a")

    assert refused(write, CatalogClosed).message == "It has moved."
    with catalog.write() as conn:
        lift_barrier(conn)
    write()


# --- connections that break ---


def sessions_of(database: str) -> str:
    return f"FROM pg_stat_activity WHERE datname = '{database}'"


def end_sessions(server: PostgresServer, url: str) -> None:
    name = urlsplit(url).path[1:]
    server.run(f"SELECT pg_terminate_backend(pid) {sessions_of(name)}")


def test_connections_that_broke_while_they_were_idle_are_replaced(
    postgres_server: PostgresServer, url: str, catalog: Catalog
) -> None:
    with catalog.read(), catalog.read(), catalog.write() as conn:
        Counters.next(conn, "a")

    end_sessions(postgres_server, url)

    with catalog.read(), catalog.write() as conn:
        assert Counters.next(conn, "a") == 2


def test_a_statement_whose_error_is_passed_over_does_not_end_in_a_commit_that_keeps_nothing(
    catalog: Catalog,
) -> None:
    row = counters.insert().values(name="a", value=1)

    def pass_over() -> None:
        with catalog.write() as conn:
            conn.execute(row)
            with suppress(sa.exc.IntegrityError):
                conn.execute(row)

    with pytest.raises(TransactionUndone):
        pass_over()

    with catalog.write() as conn:
        assert Counters.next(conn, "a") == 1


def test_a_connection_that_breaks_in_a_write_block_undoes_it(
    postgres_server: PostgresServer, url: str, catalog: Catalog
) -> None:
    def write() -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a")
            end_sessions(postgres_server, url)
            Counters.next(conn, "a")

    refused(write, CatalogUnavailable)

    with catalog.write() as conn:
        assert Counters.next(conn, "a") == 1


def test_a_turn_whose_connection_broke_writes_nothing_and_blocks_nobody(
    postgres_server: PostgresServer, url: str, catalog: Catalog
) -> None:
    def write() -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a")

    def break_and_write() -> None:
        with catalog.writer_turn():
            with catalog.write() as conn:
                Counters.next(conn, "b")
            end_sessions(postgres_server, url)
            refused(write, CatalogUnavailable)
            refused(write, CatalogUnavailable)

    refused(break_and_write, CatalogUnavailable)

    with catalog.writer_turn(), catalog.write() as conn:
        assert Counters.next(conn, "a") == 1


def test_a_catalog_that_nobody_closed_leaves_no_session_behind(
    postgres_server: PostgresServer, url: str
) -> None:
    catalog = Catalog.open(url)
    with catalog.write() as conn:
        Counters.next(conn, "a")

    del catalog, conn

    name = urlsplit(url).path[1:]
    while postgres_server.run(f"SELECT pid {sessions_of(name)}"):
        pass  # the server takes a moment to notice
