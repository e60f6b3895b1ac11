"""A catalog in a file: where it may lie, and what is said when it cannot be used. The rest is in the contract."""

import os
from collections.abc import Iterator
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
    NetworkFileSystem,
)
from headwater.db.place import network_file_system
from headwater.db.tables import counters
from headwater.errors import InvalidInput


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


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:///relative.db", "sqlite://", "a folder"])
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
