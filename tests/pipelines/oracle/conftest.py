"""Processes for all programs of the oracle: they serve one workspace after the other."""

from collections.abc import Iterator

import pytest

from headwater.execution import LocalExecutor
from headwater.workspace.handlers import calls


@pytest.fixture(scope="session")
def executor() -> Iterator[LocalExecutor]:
    with LocalExecutor(calls(), 2) as found:
        yield found
