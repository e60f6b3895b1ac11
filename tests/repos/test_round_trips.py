"""How often a commit to a catalog on a server waits for an answer: each time is a trip through the network."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Commit, Repos
from headwater.storage import Storage, open_store
from tests.servers.relay import Relay

READS = 7  # two snapshots, each begun and ended: the branch is there; where it is, and what it holds
WRITES = 4  # begin and lock the catalog; ask the hook; lock the branch; everything else and the end


class Indifferent:
    """A hook that follows no branch, as that of pipelines does where none reads the repo."""

    def reads(self, conn: sa.Connection, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        conn.execute(sa.text("SELECT 1")).all()
        return ()

    def committed(self, conn: sa.Connection, repos: Repos, commits: Sequence[Commit]) -> None:
        raise AssertionError("nobody follows")


@pytest.fixture
def relay(postgres_catalog_url: str) -> Iterator[Relay]:
    with Relay(urlsplit(postgres_catalog_url).port or 0) as relay:
        yield relay


def test_a_one_file_commit_takes_eleven_round_trips(
    relay: Relay, postgres_catalog_url: str, tmp_path: Path
) -> None:
    direct = urlsplit(postgres_catalog_url)
    url = direct._replace(netloc=f"postgres@127.0.0.1:{relay.port}", query="sslmode=disable").geturl()
    catalog = Catalog.open(url)
    storage = Storage(catalog, open_store(f"file:{tmp_path}"), clock=SystemClock())
    reviews = Repos(catalog, storage, clock=SystemClock(), hooks=(Indifferent(),)).create("reviews")
    counted = []

    for number in range(80):
        before = relay.round_trips
        with reviews.commit() as commit:
            commit.put(f"/{number}", b"text")
        counted.append(relay.round_trips - before)
    catalog.close()

    # By then every statement has been prepared. Where an answer and what is sent next cross, one trip too many or too
    # few is counted; that happens to some commits, on a busy machine to more of them.
    assert median(counted[10:]) == READS + WRITES, counted
