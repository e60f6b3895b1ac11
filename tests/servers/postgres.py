"""A PostgreSQL server of the test run's own, started when the first test asks for it.

It listens on this machine only, keeps its files in a temporary folder, and
dies with the process that started it, however that ends. Every test gets a
database of its own, cloned from a template in some 40 ms.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headwater.clock import Clock, SystemClock
from headwater.db import Catalog
from tests.servers import processes

INSTALL = "apt-get install postgresql"
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
}
_PREFIX = "headwater-postgres-"
_START_S = 30.0
# Their catalog is where their trees lie, and another would show nothing new.
_NOT_ABOUT_STATEMENTS = frozenset(
    [
        "test_contents",
        "test_cost",
        "test_costs",
        "test_edits",
        "test_expand",
        "test_failures",
        "test_files",
        "test_flipped",
        "test_format",
        "test_glob",
        "test_history_independence",
        "test_interrupted",
        "test_merge",
        "test_path_log",
        "test_portable",
        "test_services",
        "test_spouts",
        "test_store_faults",
        "test_text_diff",
        "test_tree_laws",
        "test_trees",
        "test_writer",
    ]
)


@dataclass
class PostgresServer:
    """A server that runs; `admin` connects to it as its superuser."""

    port: int
    process: "subprocess.Popen[bytes]"
    folder: Path
    taken: int = 0

    def answers(self) -> bool:
        """Tells whether it takes connections."""
        import psycopg

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str, *, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Runs statements as the superuser; returns the rows of the last one."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as conn:
            cursor = conn.cursor()
            for statement in statements:
                cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self, template: str = "template0", *, icu_locale: str | None = None) -> str:
        """Makes a database, on request with a person's order of text, and returns its name."""
        self.taken += 1
        name = f"test_{self.taken}"
        order = "" if icu_locale is None else f" LOCALE_PROVIDER icu ICU_LOCALE '{icu_locale}'"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}{order}")
        return name

    def drop(self, name: str) -> None:
        """Removes a database, whoever is still connected."""
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def binaries() -> Path | None:
    """Returns the folder with `postgres` and `initdb`, the newest where there are several."""
    found = shutil.which("postgres")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return next((one for one in places if (one / "initdb").exists() and (one / "postgres").exists()), None)


def start(folder: Path, *, settings: dict[str, str] | None = None) -> PostgresServer:
    """Starts a server with its files in an empty folder."""
    found = binaries()
    assert found is not None, "only called where there is a server"
    user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    if user is not None:
        shutil.chown(folder, user, user)
    data, log, [port] = folder / "data", folder / "log", processes.free_ports(1)
    subprocess.run(
        [found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "--locale=C", "-E", "UTF8"],
        check=True,
        capture_output=True,
        cwd=folder,
        env=_environment(),
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    access = data / "pg_hba.conf"
    access.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{access.read_text()}")
    options = [
        word for name, value in (SETTINGS | (settings or {})).items() for word in ("-c", f"{name}={value}")
    ]
    command = [str(found / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), *options]
    server = PostgresServer(port, processes.start(command, log, _environment(), user=user), folder)
    processes.until_ready(server.process, server.answers, log, _START_S)
    return server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Gives the test run's server; skips, or fails under CI=true, where there is none to start."""
    if binaries() is None:
        processes.no_server("PostgreSQL", INSTALL)
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    server = start(folder)
    try:
        yield server
    finally:
        processes.stop(server.process)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Gives the URL of an empty database."""
    name = postgres_server.database()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """Gives the name of a database with an empty catalog, to clone."""
    postgres_server.run("CREATE DATABASE headwater_template TEMPLATE template0")
    Catalog.create(postgres_server.url("headwater_template")).close()
    return "headwater_template"


@pytest.fixture
def postgres_catalog_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Gives the URL of a database with an empty catalog: quicker than making one."""
    name = postgres_server.database(postgres_template)
    yield postgres_server.url(name)
    postgres_server.drop(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what asks for a `catalog_url` on both kinds, but what is about other things than statements once."""
    marked = str([mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")])
    if "catalog_url" in metafunc.fixturenames and "catalog_url" not in marked:
        is_about_statements = metafunc.module.__name__.rpartition(".")[2] not in _NOT_ABOUT_STATEMENTS
        kinds = ["sqlite", "postgresql"] if is_about_statements else ["sqlite"]
        metafunc.parametrize("catalog_url", kinds, indirect=True)


@pytest.fixture
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Gives, in one test after the other, where a catalog is: a file, and a database that has one already."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    url: str = request.getfixturevalue("postgres_catalog_url")
    return url


def fresh_catalog(url: str, *, clock: Clock | None = None) -> Catalog:
    """Opens the empty catalog at a `catalog_url`, making it where it is a file."""
    begin = Catalog.create if url.startswith("sqlite:") else Catalog.open
    return begin(url, clock=clock or SystemClock())


def _version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0


def _environment() -> dict[str, str]:
    """Returns what a server needs, in English, and nothing that names another server."""
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def _remove_leftovers() -> None:
    """Removes the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
            shutil.rmtree(folder, ignore_errors=True)
