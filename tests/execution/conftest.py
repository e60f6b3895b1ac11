"""A catalog on a clock that moves by hand, a queue on it, and a pool of processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headwater.db import Catalog
from headwater.execution import LocalExecutor, Queue
from headwater.execution.contract import Lines
from headwater.execution.contract_calls import CALLS
from headwater.execution.spawned import LogLine
from tests.clocks import HandClock
from tests.servers.postgres import fresh_catalog


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def url(catalog_url: str) -> str:
    return catalog_url


@pytest.fixture
def catalog(url: str, clock: HandClock) -> Iterator[Catalog]:
    catalog = fresh_catalog(url, clock=clock)
    yield catalog
    catalog.close()


@pytest.fixture
def queue(catalog: Catalog) -> Queue:
    return Queue(catalog)


@pytest.fixture
def lines() -> Lines:
    return []


@pytest.fixture
def make(tmp_path: Path) -> Callable[[LogLine], LocalExecutor]:
    return lambda log: LocalExecutor(
        CALLS, processes=2, environment={"OMP_NUM_THREADS": "1"}, log=log, scratch=tmp_path / "scratch"
    )


@pytest.fixture
def executor(make: Callable[[LogLine], LocalExecutor], lines: Lines) -> Iterator[LocalExecutor]:
    with make(lambda call, line: lines.append((call, line))) as executor:
        yield executor
