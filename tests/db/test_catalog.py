"""What the catalog promises to one process."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from headwater.db import (
    Catalog,
    CatalogCorrupt,
    CatalogNotFound,
    CatalogUnavailable,
    Counters,
    NestedTransaction,
    NetworkFileSystem,
    WriteInSnapshot,
)
from headwater.db.place import network_file_system
from headwater.db.tables import counters
from headwater.errors import AlreadyExists, InvalidInput


def value(conn: sa.Connection, name: str) -> int | None:
    return conn.execute(sa.select(counters.c.value).where(counters.c.name == name)).scalar()


def test_what_a_write_block_did_is_there_after_opening_again(url: str, catalog: Catalog) -> None:
    with catalog.write() as conn:
        Counters.next(conn, "a", 5)
    catalog.close()

    again = Catalog.open(url)

    with again.read() as conn:
        assert value(conn, "a") == 5


def test_an_exception_undoes_all_of_its_write_block(catalog: Catalog) -> None:
    def fail() -> None:
        with catalog.write() as conn:
            Counters.next(conn, "a")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    with catalog.read() as conn:
        assert value(conn, "a") is None


def test_a_schema_change_is_undone_with_its_block(catalog: Catalog) -> None:
    def fail() -> None:
        with catalog.write() as conn:
            conn.exec_driver_sql("CREATE TABLE half (x)")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    with catalog.read() as conn:
        assert not sa.inspect(conn).has_table("half")


def test_a_reader_sees_the_moment_its_block_began(catalog: Catalog) -> None:
    with catalog.read() as snapshot:
        with catalog.write() as conn:
            Counters.next(conn, "a")
        seen_then = value(snapshot, "a")
        with catalog.read() as fresh:
            seen_now = value(fresh, "a")

    assert (seen_then, seen_now) == (None, 1)


def test_a_read_block_refuses_to_write(catalog: Catalog) -> None:
    with pytest.raises(WriteInSnapshot), catalog.read() as conn:
        Counters.next(conn, "a")


def test_a_write_block_inside_another_is_refused_at_once(catalog: Catalog) -> None:
    with catalog.write(), pytest.raises(NestedTransaction), catalog.write():
        pass

    with catalog.write() as conn:
        assert Counters.next(conn, "a") == 1


def test_one_thread_may_nest_the_writers_turn_and_write_in_it(catalog: Catalog) -> None:
    with catalog.writer_turn(), catalog.writer_turn():
        with catalog.write() as conn:
            Counters.next(conn, "a")
        with catalog.read() as conn:
            assert value(conn, "a") == 1


def test_nobody_else_writes_during_a_turn(catalog: Catalog) -> None:
    order: list[str] = []
    began = threading.Event()

    def other() -> None:
        began.set()
        with catalog.write():
            order.append("other")

    with catalog.writer_turn():
        thread = threading.Thread(target=other)
        thread.start()
        began.wait()
        with catalog.write():
            order.append("mine")
    thread.join()

    assert order == ["mine", "other"]


def test_many_threads_write_without_losing_a_step(catalog: Catalog) -> None:
    def step(_: int) -> int:
        with catalog.write() as conn:
            before = value(conn, "a") or 0
            Counters.next(conn, "a")
            return before

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(step, range(200)))

    assert sorted(seen) == list(range(200))


def test_a_broken_reference_is_refused(catalog: Catalog) -> None:
    with catalog.write() as conn:
        conn.exec_driver_sql("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        conn.exec_driver_sql("CREATE TABLE child (parent INTEGER REFERENCES parent (id))")

    with pytest.raises(sa.exc.IntegrityError), catalog.write() as conn:
        conn.exec_driver_sql("INSERT INTO child VALUES (7)")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_writes_while_its_parent_keeps_the_catalog_open(catalog: Catalog) -> None:
    with catalog.writer_turn():
        child = os.fork()
        if child == 0:
            try:
                with catalog.write() as conn:  # waits for the parent's turn to end
                    Counters.next(conn, "a", 10)
            finally:
                os._exit(0)
        with catalog.write() as conn:
            Counters.next(conn, "a")
            mine = value(conn, "a")
    os.waitpid(child, 0)

    with catalog.read() as conn:
        assert (mine, value(conn, "a")) == (1, 11)


def test_making_a_catalog_twice_is_refused(url: str, catalog: Catalog) -> None:
    with pytest.raises(AlreadyExists):
        Catalog.create(url)


def test_opening_nothing_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFound) as caught:
        Catalog.open(f"sqlite:///{tmp_path}/none.db")

    assert "none.db" in caught.value.message
    assert "headwater init" in caught.value.hint
    assert not (tmp_path / "none.db").exists()


def test_an_empty_file_is_a_workspace_that_was_never_finished(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/catalog.db"
    (tmp_path / "catalog.db").touch()
    with pytest.raises(CatalogNotFound):
        Catalog.open(url)

    Catalog.create(url).close()

    Catalog.open(url).close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"a,b\n1,2\n" * 1000)

    with pytest.raises(CatalogCorrupt) as caught:
        Catalog.open(f"sqlite:///{path}")

    assert str(path) in caught.value.message


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes()

    with pytest.raises(CatalogCorrupt, match="not a Headwater catalog"):
        Catalog.open(f"sqlite:///{path}")

    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_catalog_as_it_was(catalog: Catalog) -> None:
    def fill() -> None:
        with catalog.write() as conn:
            pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
            conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            conn.execute(counters.insert(), [{"name": "x" * 1000 + str(i), "value": i} for i in range(1000)])

    with pytest.raises(CatalogUnavailable, match="disk is full"):
        fill()

    with catalog.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(counters)).scalar() == 0


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Takes root's right to write everywhere away, where tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Gives a folder that other users may enter."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with open_folder() as folder:
        folder.chmod(0o555)
        with an_ordinary_user(), pytest.raises(CatalogUnavailable) as caught:
            Catalog.create(f"sqlite:///{folder}/catalog.db")

    assert str(folder) in caught.value.hint


def test_a_catalog_that_cannot_be_written_is_named() -> None:
    def write(url: str) -> None:
        with Catalog.open(url).write() as conn:
            Counters.next(conn, "a")

    with open_folder() as folder:
        url = f"sqlite:///{folder}/catalog.db"
        Catalog.create(url).close()
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        with an_ordinary_user(), pytest.raises(CatalogUnavailable) as caught:
            write(url)

    assert "catalog.db" in caught.value.message


@pytest.mark.parametrize("url", ["postgresql://host/db", "sqlite:///relative.db", "sqlite://", "a folder"])
def test_a_place_that_no_catalog_can_have_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        Catalog.open(url)


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/team nfs4 rw 0 0
/dev/sdb1 /mnt/team/local ext4 rw 0 0
//nas/share /mnt/with\\040space cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/catalog.db", None),
        ("/mnt/team/catalog.db", "nfs4"),
        ("/mnt/teamwork/catalog.db", None),
        ("/mnt/team/local/catalog.db", None),
        ("/mnt/with space/catalog.db", "cifs"),
    ],
)
def test_the_innermost_mount_says_whether_a_disk_is_local(path: str, kind: str | None) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/export {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr("headwater.db.place._MOUNTS", mounts)

    with pytest.raises(NetworkFileSystem) as caught:
        Catalog.create(f"sqlite:///{tmp_path}/catalog.db")

    assert caught.value.file_system == "nfs"
    assert not (tmp_path / "catalog.db").exists()
